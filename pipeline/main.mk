# One merge: the graph over a plan (PLAN=WORK/plan.mk, written by plan-pipeline). Never run by hand: `make merge` does.
#
# One pattern rule per stage and task; the site is the stem. Which site needs which is in the schedules (sweep.mk …).
# Every file of the graph is named by some edge, so that make takes none for intermediate (and there is no .SECONDARY here: make 4.3 walks
# such files once per path that leads to them, and a sweep has tasks^sites paths).

MAKEFLAGS += --no-builtin-rules --output-sync=target
.SUFFIXES:

include $(PLAN)

comma := ,
space := $(subst ,, )
list = $(subst $(space),$(comma),$(strip $(1)))
Q := $(if $(V),,@)
S := $(work)/stamps
every := -t $(threads) --log $(work)/log.tsv --sums $(work)/checksums.tsv
all_tasks := $(call list,$(tasks))
all_sites := $(call list,$(sites))

# Where the files of this pass lie, and those of the pass whose solutions its merged side runs with: the same, but in an iteration
# of jacobi (jacobi.mk), which also may have decoder tokens of its own.
ifdef iteration
two_digits = $(if $(filter 1 2 3 4 5 6 7 8 9,$(1)),0)$(1)
folder := iter$(call two_digits,$(iteration))/
previous := $(firstword $(earlier))
before := $(work)/iter$(call two_digits,$(previous))
else
folder :=
before := $(work)
endif
pass := $(patsubst %/,%,$(work)/$(folder))
merged_tokens := $(if $(filter reference,$(features)),$(pass),$(work))/tokens

.PHONY: merge eval report plan FORCE
# What a merge ends with: an adapter, or (dense) a full model.
merged := $(work)/$(if $(dense),model/config.json,adapter/adapter_config.json)
merge: $(merged)
ifneq ($(method),jacobi) # which says so after each iteration
	@awk -F'\t' '$$5 > most { most = $$5 } END { printf "Max memory usage: %.2f MB\n", most }' $(work)/log.tsv >&2
endif
	@echo "merged $(if $(dense),model: $(work)/model,adapter: $(work)/adapter)" >&2

# ---------------------------------------------------------------- samples
$(work)/samples/%.h5: $(S)/draw-%
	$(Q)$(bin)/draw-samples $(every) --model $(model) --task $* --train $(data)/$*/train.json \
	  $(if $(rows_$*),--rows $(rows_$*)) $(draw_flags) -o $@

# ---------------------------------------------------------------- acts, tokens, grams: one process for a site and a group of tasks
# The files are one per task and site; a process makes those of a group of tasks (group_G, extract_group_G), so that a block's weights are
# read and packed once for all of them. What a file is made from is told once, in *_needs ({task} stands for the task, $(1) is the
# site): edges come from it (shared_edges), and so does the question which of its tasks a process has to do. The tasks of a group go one
# after the other, by edges that say nothing of age: the recipe of the first that is out of date makes the files of all that are
# (stale-tasks), and those of the others then find nothing to do. (A rule with several targets would do it in one, but make takes its
# targets for out of date together, so that a change of one task's texts would redo the others.)
each = $(foreach t,$(2),$(subst {task},$(t),$(1)))
one_edge = $(eval $(subst {task},$(1),$(2): $(3)) | $(call each,$(3),$(4)) $(last))$(eval last := $(subst {task},$(1),$(2)))
# $(1): target, $(2): its needs, $(3): extract_ for acts
shared_edges = $(foreach g,$($(3)groups),$(eval last :=)$(foreach t,$($(3)group_$(g)),$(call one_edge,$(t),$(1),$(2),$($(3)group_$(g)))))
# $(1): target, $(2): its needs, $(3): tasks, $(4): command
stale = $(Q)todo=$$($(bin)/stale-tasks --tasks $(call list,$(3)) --target '$(1)' --needs '$(call list,$(2))') && { [ -z "$$todo" ] || \
  $(bin)/$(4) --task "$$todo" -o '$(1)'; }

decoder_needs = $(if $(filter dec%,$(1)),$(3) $(2)/memory.h5)
from_needs = $(if $(from_$(1)),$(2)/$(from_$(1)).h5)
lora_needs = $(S)/extract $(S)/adapter-{task} $(work)/samples/{task}.h5 $(call from_needs,$(1),$(work)/lora/{task}) \
  $(call decoder_needs,$(1),$(work)/lora/{task},$(work)/tokens/{task}.h5)
merged_needs = $(S)/extract $(work)/samples/{task}.h5 $(call from_needs,$(1),$(pass)/merged/{task}) \
  $(call decoder_needs,$(1),$(pass)/merged/{task},$(merged_tokens)/{task}.h5) $(call merged_after,$(1))
grams_needs = $(S)/grams $(S)/adapter-{task} $(work)/lora/{task}/$(1).h5 $(if $(two_sided),$(pass)/merged/{task}/$(1).h5)
tokens_needs = $(S)/tokens $(S)/adapter-{task} $(work)/samples/{task}.h5 $(work)/lora/{task}/memory.h5
merged_tokens_needs = $(S)/tokens $(work)/samples/{task}.h5 $(pass)/merged/{task}/memory.h5

decoder_inputs = $(if $(filter dec%,$*),--tokens '$(2)/{task}.h5' --memory '$(1)/{task}/memory.h5')
from_state = $(if $(from_$*),--from '$(1)/{task}/$(from_$*).h5')
extract = extract-acts $(every) $(memory_flags) $(extract_flags) --model $(model) --site $* --samples '$(work)/samples/{task}.h5'
extract_lora = $(call stale,$(work)/lora/{task}/$*.h5,$(call lora_needs,$*),$(1),$(extract) --side lora --adapter '$(loras)/{task}' \
  $(call decoder_inputs,$(work)/lora,$(work)/tokens) $(call from_state,$(work)/lora))
extract_merged = $(call stale,$(pass)/merged/{task}/$*.h5,$(call merged_needs,$*),$(1),$(extract) --side merged --solutions $(before)/solution \
  --sites $(all_sites) $(call decoder_inputs,$(pass)/merged,$(merged_tokens)) $(call from_state,$(pass)/merged))
compute_grams = $(call stale,$(pass)/grams/{task}/$*.h5,$(call grams_needs,$*),$(1),compute-grams $(every) $(memory_flags) \
  $(grams_flags)$(if $(dense), --dense 1) --model $(model) --site $* --tasks $(all_tasks) --adapter '$(loras)/{task}' --lora '$(work)/lora/{task}/$*.h5' $(grams_merged))
generate = generate-tokens $(every) $(memory_flags) $(tokens_flags) --model $(model) --samples '$(work)/samples/{task}.h5'
generate_lora = $(call stale,$(work)/tokens/{task}.h5,$(tokens_needs),$(1),$(generate) --adapter '$(loras)/{task}' --memory '$(work)/lora/{task}/memory.h5')
generate_merged = $(call stale,$(merged_tokens)/{task}.h5,$(merged_tokens_needs),$(1),$(generate) --solutions $(before)/solution --sites $(all_sites) \
  --memory '$(pass)/merged/{task}/memory.h5')

# $(1): task, $(2): the tasks of its group
define acts_rules
$(work)/lora/$(1)/%.h5: $(S)/extract
	$$(call extract_lora,$(2))
$(pass)/merged/$(1)/%.h5: $(S)/extract
	$$(call extract_merged,$(2))
$(work)/tokens/$(1).h5: $(S)/tokens
	$$(call generate_lora,$(2))
ifneq ($(merged_tokens),$(work)/tokens)
$(merged_tokens)/$(1).h5: $(S)/tokens
	$$(call generate_merged,$(2))
endif
endef
define grams_rules
$(pass)/grams/$(1)/%.h5: $(S)/grams
	$$(call compute_grams,$(2))
endef
$(foreach g,$(extract_groups),$(foreach t,$(extract_group_$(g)),$(eval $(call acts_rules,$(t),$(extract_group_$(g))))))
$(foreach g,$(groups),$(foreach t,$(group_$(g)),$(eval $(call grams_rules,$(t),$(group_$(g))))))

# Every tool writes whole files or none: what an interrupted process has finished is kept.
.PRECIOUS: $(call each,$(work)/lora/{task}/%.h5 $(pass)/merged/{task}/%.h5 $(pass)/grams/{task}/%.h5,$(tasks))

# ---------------------------------------------------------------- disk
# Once a site is solved, its Grams and the acts that nothing needs any more are spent: file and time stay, the data go (KEEP_ACTS=1: all is
# kept, and so it is without sequential_layer_processing). The lora side of an iteration stays: the next iteration needs it again.
spent_by = $(foreach s,$(spent_$(1)),$(if $(iteration),,lora/{task}/$(s).h5) $(folder)merged/{task}/$(s).h5) $(folder)grams/{task}/$(1).h5
spend = $(bin)/spend-files -q $(every) --tasks $(all_tasks) --in $(work) --files '$(call list,$(1))'
kept = $(KEEP_ACTS)$(if $(sequential),,all)$(if $(solve_grams),,none)
spend_site = $(if $(kept),,$(Q)$(call spend,$(call spent_by,$*)))
# A run that was killed between a solution and its files' turn: whoever needs the last of the solutions spends what is left. (Not where nothing
# is spent yet: all was kept then.)
spend_rest = $(if $(kept),,$(Q)! find $(pass)/grams -name '*.h5' -size -64c | grep -q . || \
  $(call spend,$(foreach s,$(sites),$(call spent_by,$(s)))))

# Before the graph: if anything that is to run would read a spent file, all spent files are deleted, so that they are made again. (States lead
# from one site to the next: to make one again is to make all before it again.)
.PHONY: unspend
unspend:
	+$(Q)spent=$$(find $(if $(iteration),,$(work)/lora) $(pass)/merged $(pass)/grams -name '*.h5' -size -64c 2>/dev/null); [ -n "$$spent" ] || exit 0; \
	$(MAKE) --no-print-directory -f pipeline/main.mk PLAN=$(PLAN) -n V=1 $(if $(iteration),iterate,merge) >$(work)/stamps/to-do 2>/dev/null; \
	for f in $$spent; do for o in from memory lora merged grams; do echo "--$$o '$$(echo $$f | sed -E 's,/(lora|merged|grams)/[^/]*/,/\1/{task}/,')'"; done; done | \
	sort -u >$(work)/stamps/spent; \
	if grep -qFf $(work)/stamps/spent $(work)/stamps/to-do; then rm -f $$spent; fi; rm -f $(work)/stamps/spent $(work)/stamps/to-do

# ---------------------------------------------------------------- solutions
$(pass)/solution/%.h5: $(S)/solve $(tasks:%=$(S)/adapter-%)
	$(Q)$(bin)/$(if $(dense),solve-dense,solve-layer) $(every) $(memory_flags) $(solve_flags) --model $(model) --site $* --tasks $(all_tasks) --adapter '$(loras)/{task}' \
	  $(solve_grams) -o $@
	$(spend_site)

assemble = $(Q)$(bin)/assemble-lora $(every) --model $(model) --adapter '$(loras)/{task}' $(if $(model_name),--model-name $(model_name)) \
  --sites $(all_sites) --solutions $(work)/solution

# The passes of jacobi are graphs of their own, under one that makes nothing else.
over_passes := $(filter jacobi,$(method)$(iteration))
ifeq ($(over_passes),)
$(work)/adapter/adapter_config.json: $(S)/assemble $(sites:%=$(work)/solution/%.h5)
	$(spend_rest)
	$(assemble) $(assemble_scale) -o $(work)/adapter
endif

include pipeline/edges.mk
include pipeline/$(method).mk
include pipeline/model.mk
include pipeline/eval.mk

# What would run.
plan:
	@n=$$($(MAKE) --no-print-directory -f pipeline/main.mk PLAN=$(PLAN) -n merge V=1 | grep -E '^(todo=|$(bin)/)' | sort -u | grep -c .); \
	if [ "$$n" = 0 ]; then echo 'to do   nothing: the merge is up to date'; else echo "to do   $$n processes for the merge"; fi >&2
