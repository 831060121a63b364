# Edges that every method with samples has: a site's state comes from the site before it, in each task's own model; the decoder needs
# the decoder's tokens and the encoder's output.

$(foreach s,$(stations),$(call shared_edges,$(work)/lora/{task}/$(s).h5,$(call lora_needs,$(s))))
$(call shared_edges,$(work)/tokens/{task}.h5,$(tokens_needs))
