# jacobi: iteration k runs the merged model of iteration k−1, then solves every site; the first has no merged side (X tilde is X).
#
# One graph per iteration (iteration=K earlier='K-1 … 1 0'), its files under WORK/iterKK; the graph above them (no iteration given) starts them in
# sequence until an iteration's `convergence` says so or there have been max_iter. An iteration that is up to date costs one look at its files.

ifdef iteration

later := $(filter-out 1,$(iteration))
# The solutions that this one goes on from: of the iteration before, which have their history with them; of whole weights (solve-dense), as many
# iterations as MATS looks back on, newest first.
past := $(wordlist 1,$(if $(dense),$(mats_pairs),1),$(filter-out 0,$(earlier)))
previous_solutions = $(call list,$(foreach k,$(past),$(work)/iter$(call two_digits,$(k))/solution/$*.h5))
two_sided = $(later)
grams_merged = --iteration $(previous) $(if $(later),--merged '$(pass)/merged/{task}/$*.h5')
solve_grams = --grams '$(pass)/grams/{task}/$*.h5' --iteration $(iteration) $(if $(later),$(mats_flags) --previous '$(previous_solutions)')

# Where a stack begins, the merged side needs the whole merged model of the iteration before; further on, the state before.
merged_after = $(if $(from_$(1)),,$(sites:%=$(before)/solution/%.h5))
ifneq ($(later),)
$(foreach s,$(stations),$(call shared_edges,$(pass)/merged/{task}/$(s).h5,$(call merged_needs,$(s)),extract_))
ifneq ($(merged_tokens),$(work)/tokens)
$(call shared_edges,$(merged_tokens)/{task}.h5,$(merged_tokens_needs),extract_)
endif
endif
$(foreach s,$(sites),$(call shared_edges,$(pass)/grams/{task}/$(s).h5,$(call grams_needs,$(s))))
$(foreach s,$(sites),$(eval $(pass)/solution/$(s).h5: $(tasks:%=$(pass)/grams/%/$(s).h5) $(if $(later),$(before)/solution/$(s).h5 $(S)/mats)))
$(solutions_in_order)

# Made by the graph of the iteration before; missing only where make -n made none.
$(if $(later),$(eval $(sites:%=$(before)/solution/%.h5): ;))

.PHONY: iterate finish
iterate: $(pass)/convergence
	@:
$(pass)/convergence: $(S)/converge $(sites:%=$(pass)/solution/%.h5)
	$(spend_rest)
	$(Q)$(bin)/check-convergence $(every) $(converge_flags) --sites $(all_sites) --solutions $(pass)/solution --iteration $(iteration) \
	  $(if $(since),--since $(since)) -o $@

# The last iteration's solutions are the merge's; WORK/convergence says which that is.
finish: $(merged)
	@:
$(work)/solution/%.h5: $(pass)/solution/%.h5 $(work)/convergence
	$(Q)$(bin)/copy-output $(every) --from $< -o $@
$(work)/convergence: $(pass)/convergence $(if $(filter $(iteration),$(word 2,$(file <$(work)/convergence))),,FORCE)
	$(Q)$(bin)/copy-output $(every) --from $(pass)/convergence -o $@

else

one_iteration = $(MAKE) --no-print-directory -f pipeline/main.mk PLAN=$(PLAN) iteration=$$k earlier="$$earlier"

# The result's time says whether it is new: what depends on it is not remade when this changes nothing.
$(merged): FORCE
	+$(Q)k=0; earlier=; converged=; while [ -z "$$converged" ] && [ $$k -lt $(max_iter) ]; do earlier="$$k $$earlier"; k=$$((k + 1)); \
	  $(one_iteration) unspend && $(one_iteration) since=$$(date +%s.%N) iterate || exit; \
	  if grep -qs '^converged 1' $(work)/iter$$(printf %02d $$k)/convergence; then converged=1; fi; \
	done; $(one_iteration) finish

endif
