# The evaluation of the merge, of the base model alone, and of each adapter on its own task, or (MATRIX=1) on every
# task. The rules are in plan.mk.

eval report: $W/eval.tsv
	$(report)
	$(if $(filter report,$@),@echo; echo "the page: $W/report.html")

# The page is written every time. It shows the log, which grows without an evaluation, and pictures once gnuplot is
# installed.
.PHONY: page
report: page
page: $W/eval.tsv
	$(page)

# The cost of a cut to a lower rank: the worst module's error, from each site's last run.
.PHONY: truncation
report: truncation
truncation: $W/eval.tsv
	@awk -F'\t' '($$1 == "combine-layer" || $$1 == "solve-layer") { site = $$2; sub(/:.*/, "", site); said[site] = $$2 } \
	  END { for (s in said) if (sub(/.*rank [0-9]+( to [0-9]+)?, worst (truncation )?error /, "", said[s]) && (!n++ || said[s] + 0 > worst + 0)) worst = said[s]; \
	        if (n) print "cut to lower rank: worst relative error " worst }' $W/log.tsv
