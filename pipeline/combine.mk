# The solutions of ties and dare: this rule comes after main.mk's for solve-layer, and its stem is as short, so it names its files.

$(sites:%=$(work)/solution/%.h5): $(work)/solution/%.h5: $(S)/combine $(tasks:%=$(S)/adapter-%)
	$(Q)$(bin)/combine-layer $(every) $(memory_flags) $(combine_flags) --model $(model) --site $* --tasks $(all_tasks) --adapter '$(loras)/{task}' -o $@

# What the cut to low rank cost: the worst module's error, of each site's last run.
.PHONY: truncation
report: truncation
truncation: $(work)/adapter/adapter_config.json
	@awk -F'\t' '$$1 == "combine-layer" { site = $$2; sub(/:.*/, "", site); said[site] = $$2 } \
	  END { for (s in said) { e = said[s]; sub(/.*worst truncation error /, "", e); if (!n++ || e + 0 > worst + 0) worst = e } \
	        print "cut to low rank: worst relative error " worst }' $(work)/log.tsv
