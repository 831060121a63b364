# regmean: X tilde is X; every site's solution stands alone.

two_sided =
grams_merged =
solve_grams = --grams '$(work)/grams/{task}/$*.h5'
$(foreach s,$(sites),$(call shared_edges,$(work)/grams/{task}/$(s).h5,$(call grams_needs,$(s))))
$(foreach s,$(sites),$(eval $(work)/solution/$(s).h5: $(tasks:%=$(work)/grams/%/$(s).h5)))

$(solutions_in_order)
$(lora_near)
