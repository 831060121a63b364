# One variable per stage: its tool, and the options that are the same for all its files. The rules of plan.mk add the
# other options. {task} in a path is replaced by the tool, for each task of --task; {shard} by the number of its shard.

comma := ,
space := $(subst ,, )
list = $(subst $(space),$(comma),$(strip $(1)))
all_tasks := $(call list,$(tasks))
all_sites := $(call list,$(sites))

Q := $(if $(V),,@)
every := -t $(threads) --log $W/log.tsv $(if $(V),,--log-only) --checksums $W/checksums.tsv$(if $(wait), --wait $(wait))
computes := $(every) $(memory_flags) --model $(model)
adapters := --tasks $(all_tasks) --adapter '$(loras)/{task}'

# A stage's tool, elsewhere if LAUNCH was given and the plan has words for the stage.
tool = $(Q)$(if $($(1)_launch),$(bin)/launch-step --wait $(wait) -- $($(1)_launch) )$(bin)/$(2)

draw = $(Q)$(bin)/draw-samples $(every) --model $(model) $(draw_flags)

extract = $(call tool,extract,extract-acts) $(computes) $(extract_flags) --samples '$W/samples/{task}.h5'
extract_own = $(extract) --side own --adapter '$(loras)/{task}'
extract_merged = $(extract) --side merged --sites $(all_sites)

generate = $(call tool,tokens,generate-tokens) $(computes) $(tokens_flags) --samples '$W/samples/{task}.h5'
generate_own = $(generate) --adapter '$(loras)/{task}'
generate_merged = $(generate) --sites $(all_sites)

grams = $(call tool,grams,compute-grams) $(computes) $(adapters) $(grams_flags) $(if $(full_weight),--full-weight 1) $(if $(also),--also $(also))

# Those of a task, from those of its shards.
sum = $(call tool,grams,add-grams) $(every) $(memory_flags) --shards $(shards)

# The folder of a task's statistics.
hand_on = $(Q)$(bin)/write-statistics $(every) --model $(model) --sites $(all_sites) --digests $W/stamps/digests $(hand_on_flags)

# For factors or (with_pretrain_matrix) full weights. ties and dare only combine and cut.
solve = $(call tool,solve,$(if $(full_weight),solve-full-weight,solve-layer)) $(computes) $(adapters) $(solve_flags)
combine = $(call tool,combine,combine-layer) $(computes) $(adapters) $(combine_flags)

# When a site is solved, its Grams and the rows that nothing needs any more are released: name and time stay, the data
# are deleted.
release = $(Q)$(bin)/release-files -q $(every) --tasks $(all_tasks) --shards $(shards) --in $W

# The scale of ties, dare and task-arithmetic, unless the key `scale` gives it: the one that is best on the calibration
# rows.
search = $(call tool,search,search-scale) $(computes) $(search_flags) --adapter $W/unscaled --tasks $(all_tasks) --samples '$W/samples/{task}.h5'

# The existing adapter or model makes way for the new one, together with its evaluation.
keep_previous = $(Q)$(bin)/keep-previous $(every) --in $W
assemble = $(Q)$(bin)/assemble-lora $(every) --model $(model) --adapter '$(loras)/{task}' $(if $(model_name),--model-name $(model_name)) \
  --sites $(all_sites) --solutions $W/solution
assemble_model = $(Q)$(bin)/assemble-model $(every) --model $(model)

copy = $(Q)$(bin)/copy-output $(every)
# A stamp's copy keeps its time if it has the same text already.
copy_stamp = $(Q)cmp -s $< $@ || $(bin)/copy-output $(every) --from $< -o $@

converge = $(Q)$(bin)/check-convergence $(every) $(converge_flags) --sites $(all_sites) --log-from $(log_from) $(if $(since),--since $(since))

evaluate = $(call tool,eval,eval-emotion) $(every) $(memory_flags) $(eval_flags)
# The model card of a merge, with the numbers of its evaluation where they are there.
card = $(Q)$(bin)/write-card $(every) --model $(model) $(adapters) $(card_flags) --evaluation $W/eval --reference $R
page = $(Q)$(bin)/write-report --checksums $W/checksums.tsv --tasks $(all_tasks) --sites $(all_sites) --reference $R \
  --merges $(method)=$W --data $(data) -o $W/report.html --table $W/report.tsv
report = $(Q)$(bin)/report-eval --checksums $W/checksums.tsv --tasks $(all_tasks) --reference $R --merged $(method)=$W/eval

# The largest process of this run, from the log's lines after the first log_from.
say_memory = @awk -F'\t' -v from=$(log_from) 'NR > from && $$5 > most { most = $$5 } \
  END { if (NR > from) printf "Max memory usage: %.2f MB\n", most }' $W/log.tsv >&2
