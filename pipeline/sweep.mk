# sweep: the merged side of a site runs with the solutions of all sites before it, found in this same pass.

two_sided = yes
grams_merged = --merged '$(work)/merged/{task}/$*.h5'
solve_grams = --grams '$(work)/grams/{task}/$*.h5'
merged_after = $(if $(prev_$(1)),$(work)/solution/$(prev_$(1)).h5)

$(foreach s,$(stations),$(call shared_edges,$(work)/merged/{task}/$(s).h5,$(call merged_needs,$(s)),extract_))
$(foreach s,$(sites),$(call shared_edges,$(work)/grams/{task}/$(s).h5,$(call grams_needs,$(s))))
$(foreach s,$(sites),$(eval $(work)/solution/$(s).h5: $(tasks:%=$(work)/grams/%/$(s).h5)))

$(lora_near)
