# jacobi: iteration k runs the merged model of k−1, then solves every site; the first has no merged side (X tilde is X).
#
# One graph for each iteration (ITERATION=WORK/iterKK/plan.mk, written when the one before has ended, when it is known what there is to do), its
# files beside that. The graph above them starts them in sequence, until an iteration's `convergence` says so or there have been max_iter. An
# iteration that is up to date costs one look at its files.

ifdef iteration

.PHONY: iterate finish
iterate: $(pass)/convergence
	@:
# The last iteration's solutions are the merge's; WORK/convergence says which that is.
finish: $(result)
	@:

# Made by the graph of the iteration before; missing only where make -n made none.
ifdef before
$(sites:%=$(before)/solution/%.h5): ;
endif

else

one_iteration = $(MAKE) --no-print-directory -f $(PIPELINE)main.mk PLAN=$(PLAN) ITERATION="$$plan"

# The result's time says whether it is new: what depends on it is not remade when this changes nothing.
$(result): FORCE
	+$(Q)k=0; converged=; while [ -z "$$converged" ] && [ $$k -lt $(max_iter) ]; do k=$$((k + 1)); \
	  plan=$$(eval "$$PLANNER --iteration $$k") && $(one_iteration) since=$$(date +%s.%N) iterate || exit; \
	  if grep -qs '^converged 1' $W/iter$$(printf %02d $$k)/convergence; then converged=1; fi; \
	done; $(one_iteration) finish

endif
