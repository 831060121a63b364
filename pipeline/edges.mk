# Edges that every method with samples has: a site's state comes from the site before it, in each task's own model; the decoder needs
# the decoder's tokens and the encoder's output.

$(foreach s,$(stations),$(call shared_edges,$(work)/lora/{task}/$(s).h5,$(call lora_needs,$(s)),extract_))
$(call shared_edges,$(work)/tokens/{task}.h5,$(tokens_needs),extract_)

# One site at a time (sequential_layer_processing), so that files do not pile up: the lora side keeps at most two sites ahead of the Grams, and in the
# decoder, whose rows are few, three: so its long step (a block's cross-attention and feed-forward) runs beside the merged side's long one. (Not ahead
# of the solutions: so there is something to do beside a solve, and nothing long beside the Grams, which are then shared by all cores.)
two_before = $(prev_$(prev_$(1)))
lead = $(if $(filter dec%,$(1)),$(prev_$(two_before)),$(two_before))
lora_near = $(foreach s,$(if $(sequential),$(stations)),$(if $(call lead,$(s)),$(foreach t,$(tasks),$(eval $(work)/lora/$(t)/$(s).h5: | $(tasks:%=$(work)/grams/%/$(call lead,$(s)).h5)))))
# Solutions one after the other, where nothing else asks for that: only so are the acts of the sites before it used up when a site is solved.
solutions_in_order = $(foreach s,$(if $(sequential),$(sites)),$(if $(prev_$(s)),$(eval $(pass)/solution/$(s).h5: | $(pass)/solution/$(prev_$(s)).h5)))
