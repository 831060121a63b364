# Measurements with flan-t5-large's geometry: a random model and four random adapters. The texts are those of the real
# case if it is there, else the demo's.
#? make bench              merge and evaluate the large random model in float32 and with use_fp16: work/bench/*.tsv, *.md (3.2 GB of model,
#?                         some minutes; BENCH=DIR elsewhere, BENCH_ROWS=N test rows a task)
#? make bench-scaling      time and memory with 4 times the samples and 2, 4 and 8 tasks, on 4 + 4 blocks of that width
#? make bench-oracle       the same work in PyTorch and CTranslate2 (PYTHON=…, see tests/oracle), after make bench

#? make bench-8b           merge and evaluate a random model of Llama-3.1-8B's width with LAYERS=2 layers, USE_FP16=1 or 0, and say how long 32
#?                         would take: work/bench/8b-2.md (3 GB of model; BENCH_8B='--d-model 512 …' makes a smaller one,
#?                         SAMPLES_8B=16 is the number of texts a task)

OWN_VARIABLES += BENCH BENCH_ROWS PYTHON LAYERS BENCH_8B SAMPLES_8B
BENCH = work/bench
BENCH_ROWS = 60
BENCH_TASKS = emoint emotion-cause tec isear
BENCH_FROM = $(if $(EMOTION_DIR),$(EMOTION_DIR),data/demo)
BENCH_TOOLS = $(BUILD)/bench
BENCH_DATA = $(BENCH)/data
bench_list = $(subst $(SPACE),$(COMMA),$(strip $(1)))
BENCH_MERGE = MODEL=$(1)/model LORAS=$(1)/loras DATA=$(2) WORK=$(3)

$(BENCH_TOOLS)/%: tests/bench/%.c $(LIB) tests/bench/bench.mk
	$(Q)mkdir -p $(BENCH_TOOLS)
	$(Q)$(CC) $(C_FLAGS) $(LDFLAGS) -MMD -MP -MF $@.d -o $@ $< $(LIB) $(LDLIBS)
-include $(wildcard $(BENCH_TOOLS)/*.d)

# The texts, and some of the test rows: those of each task, and all of them in one file, as if of one task. (An
# evaluation reads the model once per task.)
$(BENCH_DATA): | $(BENCH_TOOLS)/some-rows
	@rm -rf $@.new && mkdir -p $@.new
	@for t in $(BENCH_TASKS); do mkdir $@.new/$$t && \
	    ln -s $(abspath $(BENCH_FROM))/data/$$t/train.json $@.new/$$t/ && \
	  $(BENCH_TOOLS)/some-rows $(BENCH_ROWS) $@.new/$$t/test.json $(BENCH_FROM)/data/$$t/test.json || exit 1; done
	@$(BENCH_TOOLS)/some-rows $(BENCH_ROWS) $@.new/test.json $(BENCH_TASKS:%=$(BENCH_FROM)/data/%/test.json)
	@rm -rf $@ && mv $@.new $@

# A model: LARGE is flan-t5-large's geometry, WIDE has four blocks of it.
$(BENCH)/large $(BENCH)/wide: | $(BENCH_TOOLS)/make-model
	@rm -rf $@.new && mkdir -p $(BENCH)
	@$(BENCH_TOOLS)/make-model \
	    $(if $(filter %/wide,$@),--encoder 4 --decoder 4 \
	    --tasks $(call bench_list,$(BENCH_TASKS) $(BENCH_TASKS:%=%-2))) \
	  --spiece $(BENCH_FROM)/model/spiece.model -o $@.new
	@mv $@.new $@

.PHONY: bench bench-scaling bench-oracle
bench: all $(BENCH_TOOLS)/peak $(BENCH_TOOLS)/watch $(BENCH_TOOLS)/bench-table $(BENCH)/large $(BENCH_DATA)
	+@set -e; for p in f32 bf16; do \
	  w=$(BENCH)/$$p; rm -rf $$w; mkdir -p $$w; [ $$p = f32 ] && fp16=0 || fp16=1; \
	  $(BENCH_TOOLS)/peak >$(BENCH)/$$p.peak; \
	  $(BENCH_TOOLS)/watch $$w $(BENCH)/$$p.watch $(MAKE) --no-print-directory merge USE_FP16=$$fp16 \
	    $(call BENCH_MERGE,$(BENCH)/large,$(BENCH_DATA),$$w) \
	    >$(BENCH)/$$p.log 2>&1 || { tail -5 $(BENCH)/$$p.log; exit 1; }; \
	  $(BENCH_TOOLS)/bench-table --model $(BENCH)/large/model --work $$w --tasks $(call bench_list,$(BENCH_TASKS)) \
	    --watch $(BENCH)/$$p.watch \
	    --peak $(BENCH)/$$p.peak --kind $$p -o $(BENCH)/$$p.tsv --markdown $(BENCH)/$$p.md; \
	  rm -f $(BENCH)/$$p.eval.log; \
	  for t in $(BENCH_TASKS) ''; do $(BUILD)/eval-emotion --model $(BENCH)/large/model --adapter $$w/adapter \
	    --test $(BENCH_DATA)/$$t/test.json \
	    --task $${t:-all} --max-length 100 --max-new-tokens 3 --per-device-eval-batch-size 0 --use-fp16 $$fp16 \
	    --log $(BENCH)/$$p.eval.log -o $$w/bench-eval/$${t:-all}.json \
	    --predictions $$w/predictions/$${t:-all}.jsonl; done; \
	  awk -F'\t' -v n=$(words $(BENCH_TASKS)) -v rows=$$(($(BENCH_ROWS) * $(words $(BENCH_TASKS)))) \
	    '{ m = $$5 > m ? $$5 : m } NR <= n { s += $$3 } \
	    END { printf "\nevaluation ('$$p'): %d rows at once %.1f rows/s, in %d parts %.1f rows/s; %.0f MB\n\n", \
	    rows, rows / $$3, n, rows / s, m }' \
	    $(BENCH)/$$p.eval.log | tee -a $(BENCH)/$$p.md; done

# One line: wall and processor time, the largest process, all processes together, disk.
bench_run = w=$(BENCH)/scaling-$(1); rm -rf $$w; mkdir -p $$w; $(BENCH_TOOLS)/watch $$w $$w.watch $(MAKE) --no-print-directory merge \
  USE_FP16=$(or $(USE_FP16),0) TASK_TARGETS=$(2) MANUAL_CEOF=1 SAMPLES_NUM=$(3) INNER_NUM=3 OUTER_NUM=$(4) \
  $(call BENCH_MERGE,$(BENCH)/wide,$(BENCH_DATA)-8,$$w) >$$w.log 2>&1 || { tail -3 $$w.log; exit 1; }; \
  { cut -f5 $$w/log.tsv | sort -n | tail -1; cut -f2 $$w.watch; } | tr '\n' '\t' | awk '{ printf "%s\t%s\t%s\t%s\t%s\t%s\n", "$(1)", $$2, $$3, $$1, $$4, $$5 }'

$(BENCH_DATA)-8: $(BENCH_DATA)
	@rm -rf $@ && mkdir $@ && for t in $(BENCH_TASKS); do ln -s $(abspath $(BENCH_DATA))/$$t $@/$$t; \
	    ln -s $(abspath $(BENCH_DATA))/$$t $@/$$t-2; done

bench-scaling: all $(BENCH_TOOLS)/watch $(BENCH)/wide $(BENCH_DATA)-8
	+@{ printf 'run\twall_s\tcpu_s\tlargest_mb\tall_mb\tdisk_mb\n'; set -e; \
	$(call bench_run,2-tasks,$(call bench_list,$(wordlist 1,2,$(BENCH_TASKS))),60,20); \
	$(call bench_run,4-tasks,$(call bench_list,$(BENCH_TASKS)),60,20); \
	$(call bench_run,8-tasks,$(call bench_list,$(BENCH_TASKS) $(BENCH_TASKS:%=%-2)),60,20); \
	$(call bench_run,240-samples,$(call bench_list,$(BENCH_TASKS)),240,80); } | tee $(BENCH)/scaling.tsv

# A random model of Llama-3.1-8B's width, its vocabulary whole: 4 tasks of SAMPLES_8B prompts of 200 tokens, and the
# evaluation of as many test rows of one task. The texts are ids; the evaluation prints answers by the demo's tokenizer.
LAYERS = 2
SAMPLES_8B = 16
BENCH_8B =
fp16_8b = $(or $(USE_FP16),1)
$(BENCH)/8b-$(LAYERS): | $(BENCH_TOOLS)/make-large
	@rm -rf $@.new && mkdir -p $(BENCH)
	@$(BENCH_TOOLS)/make-large --layers $(LAYERS) --tasks $(call bench_list,$(BENCH_TASKS)) $(BENCH_8B) -o $@.new
	@cp data/demo-llama/model/tokenizer.json data/demo-llama/model/tokenizer_config.json $@.new/model/
	@mv $@.new $@

merge_8b = $(MAKE) --no-print-directory $(1) $(call BENCH_MERGE,$(BENCH)/8b-$(LAYERS),$(BENCH)/8b-$(LAYERS)/data,$(BENCH)/8b-$(LAYERS)-work) \
  USE_FP16=$(fp16_8b) IF_BALANCE=0 ANSWERS=given MAX_LENGTH=200 SAMPLES_NUM=$(SAMPLES_8B) INNER_NUM=3
.PHONY: bench-8b
bench-8b: all $(BENCH_TOOLS)/peak $(BENCH_TOOLS)/watch $(BENCH_TOOLS)/layer-table $(BENCH_TOOLS)/some-rows $(BENCH)/8b-$(LAYERS)
	+@set -e; b=$(BENCH)/8b-$(LAYERS); rm -rf $$b-work; mkdir -p $$b-work; $(BENCH_TOOLS)/peak >$$b.peak; \
	  $(call merge_8b,plan) | grep -A 3 '^memory' | tee $$b.plan; \
	  logged() { "$$@" >$$b.log 2>&1 || { tail -5 $$b.log; exit 1; }; }; \
	  logged $(BENCH_TOOLS)/watch $$b-work $$b.watch $(call merge_8b,merge); \
	  $(BENCH_TOOLS)/layer-table --model $$b/model --work $$b-work --tasks $(call bench_list,$(BENCH_TASKS)) \
	    --watch $$b.watch --peak $$b.peak --kind $(if $(filter 1,$(fp16_8b)),bf16,f32) --plan $$b.plan \
	    --markdown $$b.md; \
	  $(BENCH_TOOLS)/some-rows $(SAMPLES_8B) $$b-work/test.json $$b/data/tec/test.json; \
	  logged $(BENCH_TOOLS)/watch $$b-work $$b.eval.watch $(BUILD)/eval-emotion --model $$b/model \
	    --adapter $$b-work/adapter --task tec --test $$b-work/test.json --max-length 200 --max-new-tokens 3 \
	    --use-fp16 $(fp16_8b) --log $$b.eval.log -o $$b-work/bench-eval/tec.json \
	    --predictions $$b-work/bench-eval/tec.jsonl; \
	  awk -F'\t' '{ printf "\nEvaluation of $(SAMPLES_8B) rows: "; \
	    printf "%.0f s, %.0f s of processor time, %.0f MB.\n", $$3, $$4, $$5 }' \
	    $$b.eval.log | tee -a $$b.md

PYTHON = python3
bench-oracle: $(BENCH)/large $(BENCH_DATA)
	$(PYTHON) tests/oracle/sweep_torch.py --model $(BENCH)/large/model --loras $(BENCH)/large/loras \
	    --data $(BENCH_DATA) --drawn $(BENCH)/f32/samples --max-new-tokens 3
	$(PYTHON) tests/oracle/published_iteration.py --model $(BENCH)/large/model --loras $(BENCH)/large/loras \
	    --data $(BENCH_DATA) --drawn $(BENCH)/f32/samples \
	  --max-new-tokens 3
	for p in f32 bf16; do $(PYTHON) tests/oracle/eval_speed.py --model $(BENCH)/large/model \
	    --adapter $(BENCH)/$$p/adapter --loras $(BENCH)/large/loras --data $(BENCH_DATA) \
	  --rows $$(($(BENCH_ROWS) * $(words $(BENCH_TASKS)))) --predictions $(BENCH)/$$p/predictions || exit 1; done
