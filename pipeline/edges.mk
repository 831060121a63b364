# Edges that every method with samples has: a site's state comes from the site before it, in each task's own model; the decoder needs
# the decoder's tokens and the encoder's output.

define station_edges
$(foreach t,$(tasks),$(eval $(work)/lora/$(t)/$(1).h5: $(work)/samples/$(t).h5 $(if $(from_$(1)),$(work)/lora/$(t)/$(from_$(1)).h5) \
  $(if $(filter dec%,$(1)),$(work)/tokens/$(t).h5 $(work)/lora/$(t)/memory.h5)))
endef
$(foreach s,$(stations),$(call station_edges,$(s)))
