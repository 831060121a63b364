# regmean: X tilde is X; every site's solution stands alone.

grams_merged =
solve_grams = --grams '$(work)/grams/{task}/$*.h5'
$(foreach s,$(sites),$(eval $(work)/solution/$(s).h5: $(tasks:%=$(work)/grams/%/$(s).h5)))

# One site after the other, so that files do not pile up: solutions in order, the lora side at most two sites ahead of them.
$(foreach s,$(sites),$(if $(prev_$(s)),$(eval $(work)/solution/$(s).h5: | $(work)/solution/$(prev_$(s)).h5)))
$(foreach s,$(stations),$(if $(prev_$(prev_$(s))),$(foreach t,$(tasks),$(eval $(work)/lora/$(t)/$(s).h5: | $(work)/solution/$(prev_$(prev_$(s))).h5))))
