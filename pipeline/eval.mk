# The evaluation of the merge, of the base model alone, and of each adapter on its own task, or (MATRIX=1) on every
# task. The rules are in plan.mk.

eval report: $W/eval.tsv
	$(report)

# The page is written every time. It shows the log, which grows without an evaluation, and pictures once gnuplot is
# installed.
.PHONY: page
report: page
page: $W/eval.tsv
	$(page)

# The cost of the cut to low rank: the worst module's error, from each site's last run.
ifneq ($(filter ties dare,$(method)),)
.PHONY: truncation
report: truncation
truncation: $W/adapter/adapter_config.json
	@awk -F'\t' '$$1 == "combine-layer" { site = $$2; sub(/:.*/, "", site); said[site] = $$2 } \
	  END { for (s in said) { e = said[s]; sub(/.*worst truncation error /, "", e); if (!n++ || e + 0 > worst + 0) worst = e } \
	        print "cut to low rank: worst relative error " worst }' $W/log.tsv
endif
