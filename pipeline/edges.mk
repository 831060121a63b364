# Edges that every method with samples has: a site's state comes from the site before it, in each task's own model; the decoder needs
# the decoder's tokens and the encoder's output.

$(foreach s,$(stations),$(call shared_edges,$(work)/lora/{task}/$(s).h5,$(call lora_needs,$(s)),extract_))
$(call shared_edges,$(work)/tokens/{task}.h5,$(tokens_needs))

# One site at a time (sequential_layer_processing), so that files do not pile up: the lora side keeps at most two sites ahead of the Grams. (Not of the
# solutions: so there is something to do beside a solve, and nothing long beside the Grams, which are then shared by all cores.)
lora_near = $(foreach s,$(if $(sequential),$(stations)),$(if $(prev_$(prev_$(s))),$(foreach t,$(tasks),$(eval $(work)/lora/$(t)/$(s).h5: | $(tasks:%=$(work)/grams/%/$(prev_$(prev_$(s))).h5)))))
# Solutions one after the other, where nothing else asks for that: only so are the acts of the sites before it used up when a site is solved.
solutions_in_order = $(foreach s,$(if $(sequential),$(sites)),$(if $(prev_$(s)),$(eval $(pass)/solution/$(s).h5: | $(pass)/solution/$(prev_$(s)).h5)))
