# sweep: the merged side of a site runs with the solutions of all sites before it, found in this same pass.

grams_merged = --merged '$(work)/merged/{task}/$*.h5'
solve_grams = --grams '$(work)/grams/{task}/$*.h5'

define sweep_edges
$(foreach t,$(tasks),$(eval $(work)/merged/$(t)/$(1).h5: $(if $(from_$(1)),$(work)/merged/$(t)/$(from_$(1)).h5) \
  $(if $(prev_$(1)),$(work)/solution/$(prev_$(1)).h5) \
  $(if $(filter dec%,$(1)),$(work)/tokens/$(t).h5 $(work)/merged/$(t)/memory.h5))\
$(eval $(work)/grams/$(t)/$(1).h5: $(work)/merged/$(t)/$(1).h5))
endef
$(foreach s,$(stations),$(call sweep_edges,$(s)))
$(foreach s,$(sites),$(eval $(work)/solution/$(s).h5: $(tasks:%=$(work)/grams/%/$(s).h5)))

# One site at a time (sequential_layer_processing): the lora side keeps at most two sites ahead of the solutions, so that its files do not
# pile up.
$(foreach s,$(if $(sequential),$(stations)),$(if $(prev_$(prev_$(s))),$(foreach t,$(tasks),$(eval $(work)/lora/$(t)/$(s).h5: | $(work)/solution/$(prev_$(prev_$(s))).h5))))
