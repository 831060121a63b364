# save: 1: the merged model as a folder of its own beside the adapter.

ifeq ($(save),1)
merge: $(work)/model/config.json
endif

$(work)/model/config.json: $(S)/model $(work)/adapter/adapter_config.json
	$(Q)$(bin)/assemble-model $(every) --model $(model) --adapter $(work)/adapter -o $(work)/model
