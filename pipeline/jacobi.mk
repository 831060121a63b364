# jacobi: iteration k runs the merged model of iteration k−1, then solves every site. The first iteration has no merged
# side (X tilde is X).
#
# Each iteration has a graph of its own: ITERATION=WORK/iterKK/plan.mk. It is written when the previous iteration has
# ended, because only then is known what must be done. Its files are beside it. The graph above starts the iterations in
# sequence, until the `convergence` of one says so or there are max_iter. An iteration that is up to date costs one look
# at its files.

ifdef iteration

.PHONY: iterate finish
iterate: $(pass)/convergence
	@:
# The merge's solutions are those of the last iteration; WORK/convergence names it.
finish: $(result)
	@:

# The graph of the previous iteration makes these files. They are missing only where make -n made none.
ifdef before
$(sites:%=$(before)/solution/%.h5): ;
endif

else

one_iteration = $(MAKE) --no-print-directory -f $(PIPELINE)main.mk PLAN=$(PLAN) ITERATION="$$plan"

# The result's time tells whether it is new. If nothing changes here, what depends on it is not remade.
$(result): FORCE
	+$(Q)k=0; converged=; while [ -z "$$converged" ] && [ $$k -lt $(max_iter) ]; do k=$$((k + 1)); \
	  plan=$$(eval "$$PLANNER --iteration $$k") && $(one_iteration) since=$$(date +%s.%N) iterate || exit; \
	  if grep -qs '^converged 1' $W/iter$$(printf %02d $$k)/convergence; then converged=1; fi; \
	done; $(one_iteration) finish

endif
