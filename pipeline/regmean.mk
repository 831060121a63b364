# regmean: X tilde is X; every site's solution stands alone.

two_sided =
grams_merged =
solve_grams = --grams '$(work)/grams/{task}/$*.h5'
$(foreach s,$(sites),$(call shared_edges,$(work)/grams/{task}/$(s).h5,$(call grams_needs,$(s))))
$(foreach s,$(sites),$(eval $(work)/solution/$(s).h5: $(tasks:%=$(work)/grams/%/$(s).h5)))

# One site at a time (sequential_layer_processing), so that files do not pile up: solutions in order, the lora side at most two sites ahead of the Grams.
$(foreach s,$(if $(sequential),$(sites)),$(if $(prev_$(s)),$(eval $(work)/solution/$(s).h5: | $(work)/solution/$(prev_$(s)).h5)))
$(foreach s,$(if $(sequential),$(stations)),$(if $(prev_$(prev_$(s))),$(foreach t,$(tasks),$(eval $(work)/lora/$(t)/$(s).h5: | $(tasks:%=$(work)/grams/%/$(prev_$(prev_$(s))).h5)))))
