# The evaluation: the merged adapter, the base model alone, and each adapter: on its own task, or (MATRIX=1) on every task.

REFERENCE ?= $(work)/eval
eval_call = $(bin)/eval-emotion $(every) $(memory_flags) $(eval_flags) --task $* --test $(data)/$*/test.json

$(work)/eval/%.json: $(S)/eval $(S)/test-% $(merged)
	$(Q)$(eval_call) $(if $(dense),--model $(work)/model,--model $(model) --adapter $(work)/adapter) \
	  --predictions $(work)/predictions/$*.jsonl -o $@

# Several merges may share REFERENCE: its files go by stamps of its own, whose times change only with their text. (Named one by one, or make
# would take them for intermediate and remove them.)
R := $(REFERENCE)/stamps
$(R)/eval $(tasks:%=$(R)/test-%) $(tasks:%=$(R)/adapter-%): $(R)/%: $(S)/%
	$(Q)cmp -s $< $@ || $(bin)/copy-output $(every) --from $< -o $@

$(REFERENCE)/base/%.json: $(R)/eval $(R)/test-%
	$(Q)$(eval_call) --model $(model) --predictions $(REFERENCE)/base/$*.jsonl -o $@

define adapter_rule
$(REFERENCE)/adapters/$(1)/%.json: $(R)/eval $(R)/test-% $(R)/adapter-$(1)
	$$(Q)$$(eval_call) --model $$(model) --adapter $$(loras)/$(1) --predictions $(REFERENCE)/adapters/$(1)/$$*.jsonl -o $$@
endef
$(foreach a,$(tasks),$(eval $(call adapter_rule,$(a))))

evaluations := $(tasks:%=$(work)/eval/%.json) $(tasks:%=$(REFERENCE)/base/%.json) \
  $(foreach a,$(tasks),$(foreach t,$(if $(MATRIX),$(tasks),$(a)),$(REFERENCE)/adapters/$(a)/$(t).json))

$(work)/eval.tsv: $(evaluations)
	$(Q)$(bin)/report-eval --sums $(work)/checksums.tsv --tasks $(all_tasks) --reference $(REFERENCE) --merged $(method)=$(work)/eval -o $@ >/dev/null

eval report: $(work)/eval.tsv
	$(Q)$(bin)/report-eval --sums $(work)/checksums.tsv --tasks $(all_tasks) --reference $(REFERENCE) --merged $(method)=$(work)/eval
