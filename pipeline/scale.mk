# Methods whose solutions are changes yet to be scaled: by the key `scale`, or (0) by the factor that does best on the calibration rows,
# found by evaluating the unscaled adapter with every candidate.

grams_merged =
solve_grams =

ifneq ($(scale),0)
assemble_scale = --scale $(scale)
else
assemble_scale = --scale-file $(work)/scale.json
$(work)/adapter/adapter_config.json: $(work)/scale.json

$(work)/unscaled/adapter_config.json: $(S)/assemble $(sites:%=$(work)/solution/%.h5)
	$(assemble) -o $(work)/unscaled

$(work)/scale.json: $(S)/search $(work)/unscaled/adapter_config.json $(tasks:%=$(work)/samples/%.h5)
	$(Q)$(bin)/search-scale $(every) $(memory_flags) $(search_flags) --model $(model) --adapter $(work)/unscaled --tasks $(all_tasks) \
	  --samples '$(work)/samples/{task}.h5' -o $@
endif
