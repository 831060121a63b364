# The merged model as a folder of its own: beside the adapter (save: 1), or in its place (with_pretrain_matrix: 1).

ifeq ($(save),1)
merge: $(work)/model/config.json
endif

ifdef dense
ifeq ($(over_passes),)
$(work)/model/config.json: $(S)/model $(sites:%=$(work)/solution/%.h5)
	$(spend_rest)
	$(Q)$(bin)/assemble-model $(every) --model $(model) --solutions $(work)/solution --sites $(all_sites) -o $(work)/model
endif
else
$(work)/model/config.json: $(S)/model $(work)/adapter/adapter_config.json
	$(Q)$(bin)/assemble-model $(every) --model $(model) --adapter $(work)/adapter -o $(work)/model
endif
