# regmean: X tilde is X; every site's solution stands alone.

grams_merged =
solve_grams = --grams '$(work)/grams/{task}/$*.h5'
$(foreach s,$(sites),$(eval $(work)/solution/$(s).h5: $(tasks:%=$(work)/grams/%/$(s).h5)))
