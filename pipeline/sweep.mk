# sweep: the merged side of a site runs with the solutions of all sites before it, found in this same pass.

two_sided = yes
grams_merged = --merged '$(work)/merged/{task}/$*.h5'
solve_grams = --grams '$(work)/grams/{task}/$*.h5'
merged_after = $(if $(prev_$(1)),$(work)/solution/$(prev_$(1)).h5)

$(foreach s,$(stations),$(call shared_edges,$(work)/merged/{task}/$(s).h5,$(call merged_needs,$(s))))
$(foreach s,$(sites),$(call shared_edges,$(work)/grams/{task}/$(s).h5,$(call grams_needs,$(s))))
$(foreach s,$(sites),$(eval $(work)/solution/$(s).h5: $(tasks:%=$(work)/grams/%/$(s).h5)))

# One site at a time (sequential_layer_processing): the lora side keeps at most two sites ahead of the merged side, so that its files
# do not pile up. (Not of the solutions: so there is something to do beside the last Grams and the solve of a site.)
$(foreach s,$(if $(sequential),$(stations)),$(if $(prev_$(prev_$(s))),$(foreach t,$(tasks),$(eval $(work)/lora/$(t)/$(s).h5: | $(tasks:%=$(work)/merged/%/$(prev_$(prev_$(s))).h5)))))
