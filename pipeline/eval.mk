# The evaluation: the merged adapter, the base model alone, and each adapter: on its own task, or (MATRIX=1) on every task.

REFERENCE ?= $(work)/eval
eval_call = $(bin)/eval-emotion $(every) $(eval_flags) --model $(model) --task $* --test $(data)/$*/test.json

$(work)/eval/%.json: $(S)/eval $(S)/test-% $(work)/adapter/adapter_config.json
	$(Q)$(eval_call) --adapter $(work)/adapter --predictions $(work)/predictions/$*.jsonl -o $@

$(REFERENCE)/base/%.json: $(S)/eval $(S)/test-%
	$(Q)$(eval_call) --predictions $(REFERENCE)/base/$*.jsonl -o $@

define adapter_rule
$(REFERENCE)/adapters/$(1)/%.json: $(S)/eval $(S)/test-% $(S)/adapter-$(1)
	$$(Q)$$(eval_call) --adapter $$(loras)/$(1) --predictions $(REFERENCE)/adapters/$(1)/$$*.jsonl -o $$@
endef
$(foreach a,$(tasks),$(eval $(call adapter_rule,$(a))))

evaluations := $(tasks:%=$(work)/eval/%.json) $(tasks:%=$(REFERENCE)/base/%.json) \
  $(foreach a,$(tasks),$(foreach t,$(if $(MATRIX),$(tasks),$(a)),$(REFERENCE)/adapters/$(a)/$(t).json))

$(work)/eval.tsv: $(evaluations)
	$(Q)$(bin)/report-eval --sums $(work)/checksums.tsv --tasks $(all_tasks) --reference $(REFERENCE) --merged $(method)=$(work)/eval -o $@ >/dev/null

eval report: $(work)/eval.tsv
	$(Q)$(bin)/report-eval --sums $(work)/checksums.tsv --tasks $(all_tasks) --reference $(REFERENCE) --merged $(method)=$(work)/eval
