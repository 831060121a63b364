# The commands with which a user merges and evaluates.
#? make merge MODEL=DIR LORAS=DIR DATA=DIR [TASK_TYPE=NAME] [WORK=DIR] [CONFIG=FILE] [KEY=value …]
#?                         merge LORAS/<task>/ into WORK/adapter, with DATA/<task>/train.json as calibration texts
#? make eval …same…        accuracy of the base, each adapter on its own task, and the merge: WORK/eval.tsv (merges if need be);
#?                         MATRIX=1: each adapter on every task
#? make plan …same… [NODES=M]
#?                         the settings in force, and what would run; NODES: how long on up to M machines, LAUNCH_SECONDS=0.05 a step
#? make statistics TASK=NAME …same… [TARGETS=q,o]
#?                         what regmean needs of one task's texts, to hand on: WORK/statistics/NAME; TARGETS: linears beside the adapter's
#? make merge METHOD=regmean STATISTICS=DIR,DIR,… MODEL=DIR
#?                         merge such folders, one per task, without texts
#? make dag …same… [LAYER=enc03] [SITE=enc03-self] [FULL=1]
#?                         draw the stages and files, and what is done, stale or missing: WORK/dag.svg
#? make report …same…      print the evaluation's table again, and write the page WORK/report.html (merges and evaluates if need be)
#? make verify …same…      re-read everything under WORK, and name what is damaged or stale
#? make compare METHODS=a,b,… …same…
#?                         merge by each method in WORK/<method>, evaluate, and print one table: WORK/compare.tsv, .md, compare-pairs.tsv;
#?                         with the page WORK/report.html of all methods
#? make tune [GRID=FILE] [TUNE_ROWS=200] …same…
#?                         merge by the settings of each line of GRID (config/tune.yaml), score each on rows held out of train, never on test;
#?                         writes WORK/tune/best.yaml, to be given as CONFIG=
#? make tokens MODEL=DIR TEXT='…'
#?                         the token ids and pieces of a text; without TEXT, of every line of standard input
#? make demo               merge and evaluate the demo by three methods; DEMO=llama: the demo that is a Llama
#? BACKEND=cuda            compute on the GPU, with tools that were built for it
#? KEEP_ACTS=1             keep rows and Grams that have been used (default: only their names are kept, to save disk);
#?                         KEEP_ACTS=own: keep of them what a merge with a task more or less reads again
#? LAUNCH='srun …'         start each tool that computes by this command: on other machines, by Slurm; pipeline/README.md
#? THREADS=N               threads of each process (default: the cores are shared out among the processes)
#? REFERENCE=DIR           keep the base's and adapters' results there, for several merges
#? V=1                     show the commands
#? -jN                     run N processes side by side; -j alone: as many as there are cores

# STARTED: the makefile with which make was started, to start it again. ROOT: the folder that contains pipeline/,
# as a prefix of paths: empty in the repository's root, where the user is; the installed folder for merge-lora.
STARTED := $(firstword $(MAKEFILE_LIST))
PIPELINE := $(dir $(lastword $(MAKEFILE_LIST)))
ROOT := $(PIPELINE:pipeline/=)
# What the user types to start it.
COMMAND = make

TASK_TYPE = EMOTION_t5_large
CONFIG = $(ROOT)config/iteris-plus.yaml
MODEL =
LORAS =
DATA =
WORK =
BACKEND =
LAUNCH =
LAUNCH_SECONDS =
THREADS =
NODES =

# Anything else given as KEY=value is a setting of the merge: plan-pipeline refuses what is none. The Makefile adds those of building and testing.
OWN_VARIABLES += BACKEND LAUNCH LAUNCH_SECONDS THREADS NODES TASK_TYPE CONFIG MODEL LORAS DATA WORK MATRIX REFERENCE KEEP_ACTS V METHODS DEMO TEXT LAYER SITE FULL TASK TARGETS STATISTICS GRID TUNE_ROWS
# (A blank in a value is "\ " there, which would end a word here.)
BLANK = <blank>
SETTINGS = $(subst $(BLANK),\$(SPACE),$(filter-out $(addsuffix =%,$(OWN_VARIABLES)),$(subst \$(SPACE),$(BLANK),$(MAKEOVERRIDES))))
JOBS = $(patsubst -j%,%,$(filter -j%,$(MAKEFLAGS)))

quoted = '$(subst ','\'',$(strip $(1)))'
OPTIONAL = $(if $(strip $(2)),--$(1) $(call quoted,$(2)))
PLAN = $(BUILD)/plan-pipeline --tools $(BUILD) --task-type $(call quoted,$(TASK_TYPE)) --config $(call quoted,$(CONFIG)) --jobs '$(if $(JOBS),$(JOBS),1)' \
       $(call OPTIONAL,model,$(MODEL)) $(call OPTIONAL,loras,$(LORAS)) $(call OPTIONAL,data,$(DATA)) $(call OPTIONAL,work,$(WORK)) \
       $(call OPTIONAL,backend,$(BACKEND)) $(call OPTIONAL,launch,$(LAUNCH)) \
       $(call OPTIONAL,launch-seconds,$(LAUNCH_SECONDS)) $(call OPTIONAL,step-threads,$(THREADS)) \
       $(call OPTIONAL,statistics-of,$(TASK)) $(call OPTIONAL,also,$(TARGETS)) $(call OPTIONAL,statistics,$(STATISTICS)) \
       $(call OPTIONAL,reference,$(REFERENCE)) $(if $(MATRIX),--matrix) $(call OPTIONAL,keep-acts,$(KEEP_ACTS)) \
       $(if $(strip $(SETTINGS)),--set '$(subst ','\'',$(SETTINGS))')
# What the user asked for, and where the user is (make -C). For the first look at a request.
ASKED = $(call OPTIONAL,goals,$(MAKECMDGOALS)) $(call OPTIONAL,stands,$(PWD))
AGAIN = $(MAKE) --no-print-directory -f $(STARTED)
GRAPH = $(MAKE) --no-print-directory -f $(PIPELINE)main.mk

# Folders that make itself uses. Some shells leave ~ unchanged.
$(foreach v,WORK REFERENCE,$(if $(filter ~/%,$($v)),$(eval override $v := $$(HOME)$(patsubst ~%,%,$($v)))))

# One method, or the methods of a comparison.
ifeq ($(MAKELEVEL),0)
ifneq ($(and $(filter command%,$(origin METHODS)),$(filter merge eval report plan dag,$(MAKECMDGOALS))),)
$(error METHODS= is for $(COMMAND) compare; $(COMMAND) $(firstword $(MAKECMDGOALS)) takes one: METHOD=)
endif
ifneq ($(and $(filter command%,$(origin METHOD)),$(filter compare,$(MAKECMDGOALS))),)
$(error METHOD= is for $(COMMAND) merge; $(COMMAND) compare takes a list: METHODS=a,b)
endif
endif

# Words of statistics that are made. make plan shows what they would run.
ifeq ($(MAKELEVEL),0)
ifneq ($(and $(TASK),$(filter-out statistics plan,$(MAKECMDGOALS))),)
$(error TASK= is for $(COMMAND) statistics; $(COMMAND) $(firstword $(filter-out statistics plan,$(MAKECMDGOALS))) takes TASK_TARGETS=)
endif
ifneq ($(and $(if $(strip $(TASK)),,none),$(filter statistics,$(MAKECMDGOALS))),)
$(error $(COMMAND) statistics needs TASK=NAME: the task whose statistics are made)
endif
endif

# A word of the plan alone.
ifeq ($(MAKELEVEL),0)
ifneq ($(and $(NODES),$(filter-out plan,$(MAKECMDGOALS))),)
$(error NODES= is for $(COMMAND) plan; a run takes its machines from LAUNCH=)
endif
endif

# Words of the drawing alone.
ifeq ($(MAKELEVEL),0)
DRAWING_WORDS := $(strip $(foreach v,LAYER SITE FULL,$(if $(filter command%,$(origin $v)),$v=)))
ifneq ($(and $(DRAWING_WORDS),$(filter-out dag,$(MAKECMDGOALS))),)
$(error $(firstword $(DRAWING_WORDS)) is for $(COMMAND) dag)
endif
ifneq ($(word 2,$(DRAWING_WORDS)),)
$(error $(DRAWING_WORDS): $(COMMAND) dag takes one of them)
endif
endif

# Large arrays on large pages. In processes as short as these, fresh pages of 4 KB take a tenth of the processor time.
export GLIBC_TUNABLES := glibc.malloc.hugetlb=1

# Two runs never mix in one WORK folder: plan and graph run under its lock (tools/with-lock.c). The lock lasts as long as the make that it
# starts, so the plan is a goal of that make.
#
# Progress is shown by the outermost show-progress, which has set MERGE_LORA_SHOWN. V=1 shows commands and their lines instead.
SHOW = $(if $(V)$(MERGE_LORA_SHOWN),,$(BUILD)/show-progress $(1) -- )
LOCKED = $(call SHOW)$(BUILD)/with-lock --folder "$$work" $(if $(REFERENCE),--also '$(REFERENCE)') --again "$$TYPED"

# The recipes that run it end with exec: a signal that make passes on must reach the program, not a shell around it. So
# several runs are several lines of a recipe, and no loop of the shell.
define LINE_END


endef

# What the user typed, for the line that ends an interrupted run. Makes below this one inherit it.
ifeq ($(MAKELEVEL),0)
# FROM: with make -C, the user is in another folder.
FROM = $(if $(filter make,$(COMMAND)),$(if $(filter-out $(realpath $(PWD)),$(CURDIR)),-C $(CURDIR) ))
export TYPED = $(COMMAND) $(FROM)$(if $(JOBS),-j$(JOBS) )$(MAKECMDGOALS)$(if $(MAKEOVERRIDES), $(MAKEOVERRIDES))
endif

.PHONY: merge eval plan report verify demo statistics locked-merge locked-eval locked-report locked-statistics
merge eval report statistics: all
	+@work=$$($(PLAN) $(ASKED) --print-work) && exec $(LOCKED) -- $(AGAIN) locked-$@

# PLANNER: an iteration's rules are planned when the one before has ended (jacobi.mk). log_from: so many lines of the log are of earlier runs.
locked-merge locked-eval locked-report locked-statistics: export PLANNER = $(PLAN_RUN)
PLAN_RUN = $(PLAN) $(if $(MERGE_LORA_SHOWN),--goals $(@:locked-%=%) --todo $(MERGE_LORA_SHOWN))
locked-merge locked-eval locked-report locked-statistics:
	+@plan=$$($(PLAN_RUN)) && exec $(GRAPH) PLAN="$$plan" log_from=$$(cat "$${plan%/*}/log.tsv" 2>/dev/null | wc -l) $(@:locked-%=%)

# It only reads, so it needs no lock.
plan: all
	@$(PLAN) $(ASKED) --show $(call OPTIONAL,nodes,$(NODES))

# Reads only, too, but for the drawing.
DRAWN = $(call OPTIONAL,layer,$(LAYER)) $(call OPTIONAL,site,$(SITE)) $(if $(FULL),--full)
.PHONY: dag
dag: all
	@command -v dot >/dev/null || { echo "$(COMMAND) dag: there is no dot, which draws: install Debian's package graphviz" >&2; exit 1; }
	@work=$$($(PLAN) --print-work) && text=$$($(PLAN) $(ASKED) --dag $(DRAWN)) && mkdir -p "$$work" && \
	  printf '%s\n' "$$text" | dot -Tsvg >"$$work/.dag.svg.tmp-$$$$-0" && mv "$$work/.dag.svg.tmp-$$$$-0" "$$work/dag.svg" && \
	  echo "$$work/dag.svg"

verify: all
	@work='$(WORK)'; [ -n "$$work" ] || work=$$($(PLAN) --print-work) && if [ -d "$$work" ]; then $(LOCKED) -- $(VERIFY); else $(VERIFY); fi
VERIFY = $(BUILD)/verify-work --work "$$work"

# The text as typed: not expanded, with all its blanks.
.PHONY: tokens
tokens: all
	@$(BUILD)/show-tokens $(call OPTIONAL,model,$(MODEL)) $(if $(value TEXT),--text '$(subst ','\'',$(value TEXT))')

# `make -j merge eval`: one after the other.
ifneq (,$(filter merge,$(MAKECMDGOALS)))
eval report: | merge
endif

# The demos: for each its folder data/demo…, and the settings that it needs.
DEMO = t5
DEMO_NAMES = t5 llama
DEMO_METHODS = average regmean sweep
DEMO_WORK = work/demo$(DEMO_SUFFIX_$(DEMO))
DEMO_SUFFIX_llama = -llama
DEMO_DIR_t5 = $(ROOT)data/demo
DEMO_DIR_llama = $(ROOT)data/demo-llama
DEMO_TASKS_t5 = emoint,emotion-cause,tec,isear
DEMO_TASKS_llama = mood,topic,order,route
DEMO_SETTINGS_llama = TASK_TYPE=demo-llama CONFIG=$(DEMO_DIR_llama)/config.yaml
DEMO_DIR = $(DEMO_DIR_$(DEMO))
DEMO_ARGS = MODEL=$(DEMO_DIR)/model LORAS=$(DEMO_DIR)/loras DATA=$(DEMO_DIR)/data $(DEMO_SETTINGS_$(DEMO)) \
  REFERENCE=$(DEMO_WORK)/reference MATRIX=1 $(SETTINGS)

demo: all
	@[ -n '$(filter $(DEMO_NAMES),$(DEMO))' ] || { echo "make demo: DEMO='$(DEMO)', expected one of $(DEMO_NAMES)" >&2; exit 2; }
	$(foreach m,$(DEMO_METHODS),+@exec $(call SHOW,--terminal-only)$(AGAIN) merge eval METHOD=$(m) WORK=$(DEMO_WORK)/$(m) \
	  $(DEMO_ARGS) >/dev/null$(LINE_END))
	@$(BUILD)/report-eval --tasks $(DEMO_TASKS_$(DEMO)) --reference $(DEMO_WORK)/reference \
	  --merged '$(subst $(SPACE),$(COMMA),$(foreach m,$(DEMO_METHODS),$(m)=$(DEMO_WORK)/$(m)/eval))' -o $(DEMO_WORK)/compare.tsv
	@$(call several,$(DEMO_METHODS),$(DEMO_WORK),$(DEMO_WORK)/reference)
COMMA := ,
SPACE := $(subst ,, )

# The page of several merges: $(call several,METHODS,FOLDER,REFERENCE), each in FOLDER/METHOD. Tasks, sites and data
# come from the first one's plan.
planned = "$$(sed -n 's/^$(1) := //p' $(2)/plan.mk | tr ' ' ,)"
several = $(BUILD)/write-report --tasks $(call planned,tasks,$(2)/$(firstword $(1))) --sites $(call planned,sites,$(2)/$(firstword $(1))) \
  --reference $(3) --merges '$(subst $(SPACE),$(COMMA),$(foreach m,$(1),$(m)=$(2)/$(m)))' \
  --data $(call planned,data,$(2)/$(firstword $(1))) -o $(2)/report.html --table $(2)/report.tsv

# Every method merges in its own folder; the base's and the adapters' evaluations are shared. If a merge did something,
# its wall time is added to its log as a line of `make`. The methods run one after the other, because times would mean
# nothing otherwise.
METHODS = average,task-arithmetic,ties,dare,regmean,sweep
COMPARED = $(subst $(COMMA), ,$(METHODS))
COMPARE_WORK = $(if $(strip $(WORK)),$(strip $(WORK)),work/$(TASK_TYPE)/compare)
COMPARE_REFERENCE = $(if $(REFERENCE),$(REFERENCE),$(COMPARE_WORK)/reference)

ifneq ($(and $(filter compare,$(MAKECMDGOALS)),$(filter-out $(words $(sort $(COMPARED))),$(words $(COMPARED)))),)
$(error METHODS=$(METHODS): a method is listed twice)
endif

# A line of each run, with what is noted before and after the merge: lines of the log, and the time.
COMPARE_RUN = $(call SHOW)$(AGAIN) METHOD=$(m) WORK=$(COMPARE_WORK)/$(m) REFERENCE=$(COMPARE_REFERENCE)
COMPARE_NOTED = echo $$(cat $(COMPARE_WORK)/$(m)/log.tsv 2>/dev/null | wc -l) $$(date +%s.%N)
define COMPARE_ONE
	@mkdir -p $(COMPARE_WORK) && $(COMPARE_NOTED) >$(COMPARE_WORK)/.begun
	+@exec $(COMPARE_RUN) merge
	@{ cat $(COMPARE_WORK)/.begun; $(COMPARE_NOTED); } | awk '{ n[NR] = $$1; at[NR] = $$2 } \
	  END { if (n[2] > n[1]) printf "make\tmerge\t%.3f\t0\t0\n", at[2] - at[1] }' >>$(COMPARE_WORK)/$(m)/log.tsv && rm $(COMPARE_WORK)/.begun
	+@exec $(COMPARE_RUN) eval >/dev/null

endef

.PHONY: compare
# The requests of all methods are checked before the first one merges.
compare: SETTINGS += METHOD=$(m)
compare: all
	@$(foreach m,$(or $(COMPARED),nothing),$(PLAN) $(if $(filter $(firstword $(COMPARED)),$(m)),$(ASKED)) --print-work >/dev/null &&) :
	$(foreach m,$(COMPARED),$(COMPARE_ONE))
	@$(BUILD)/compare-methods --tasks $(call planned,tasks,$(COMPARE_WORK)/$(firstword $(COMPARED))) \
	  --reference $(COMPARE_REFERENCE) --methods '$(subst $(SPACE),$(COMMA),$(foreach m,$(COMPARED),$(m)=$(COMPARE_WORK)/$(m)))' \
	  -o $(COMPARE_WORK)/compare.tsv --pairs $(COMPARE_WORK)/compare-pairs.tsv --markdown $(COMPARE_WORK)/compare.md
	@$(call several,$(COMPARED),$(COMPARE_WORK),$(COMPARE_REFERENCE))

# A search for settings. A line of GRID is a point: its name, and settings over those in force. Each point merges in its own folder, over
# texts from which TUNE_ROWS rows a task are held out, and is scored on these. The test sets are not read. Points run one after the other,
# because each of them uses all jobs; what is there already stays.
GRID = $(ROOT)config/tune.yaml
TUNE_ROWS = 200
TUNE_WORK = $(if $(strip $(WORK)),$(strip $(WORK)),work/$(TASK_TYPE))/tune

.PHONY: tune tune-points
# GRID as lines of "NAME KEY=value …". A line of another form is refused.
tune-points: all
	@[ -r '$(GRID)' ] || { echo "$(COMMAND) tune: cannot read GRID='$(GRID)': expected a file of lines NAME: KEY=value …" >&2; exit 1; }
	@mkdir -p $(TUNE_WORK) && awk -v grid='$(GRID)' -v me='$(COMMAND) tune' '{ sub(/(^|[ \t]+)#.*/, "") } !NF { next } \
	  !/^[A-Za-z0-9][A-Za-z0-9._-]*:([ \t]+[A-Z][A-Z0-9_]*=[^ \t]+)*[ \t]*$$/ || seen[$$1]++ { \
	    printf "%s: %s:%d: expected NAME: KEY=value …, each name once, found %c%s%c\n", me, grid, NR, 39, $$0, 39 >"/dev/stderr"; bad = 1; exit 1 } \
	  { sub(":", ""); print; n++ } END { if (!bad && !n) { print me ": " grid " holds no point" >"/dev/stderr"; exit 1 } }' \
	  '$(GRID)' >$(TUNE_WORK)/points

# Points are known when the recipe of tune begins. Settings are read when a line of it runs, so that no shell takes them for more than words.
# The sub-makes inherit what was typed; what stands behind them wins.
TUNED = $(shell awk '{ print $$1 }' $(TUNE_WORK)/points)
tune_settings = $$(awk -v name=$(1) '$$1 "" == name { $$1 = ""; print }' $(TUNE_WORK)/points)
tune_at = WORK=$(TUNE_WORK)/$(p) DATA=$(TUNE_WORK)/data REFERENCE=$(TUNE_WORK)/reference $(call tune_settings,'$(p)')
tune: tune-points
	+@$(TUNE_ROWS_HELD)
	+@$(foreach p,$(TUNED),$(AGAIN) plan $(tune_at) >/dev/null &&) :
	$(foreach p,$(TUNED),+@exec $(call SHOW)$(AGAIN) merge eval $(tune_at) </dev/null >/dev/null$(LINE_END))
	@$(BUILD)/compare-methods --tasks $(call planned,tasks,$(TUNE_WORK)/$(firstword $(TUNED))) --reference $(TUNE_WORK)/reference \
	  --methods '$(subst $(SPACE),$(COMMA),$(foreach p,$(TUNED),$(p)=$(TUNE_WORK)/$(p)))' -o $(TUNE_WORK)/tune.tsv \
	  --pairs $(TUNE_WORK)/tune-pairs.tsv --markdown $(TUNE_WORK)/tune.md
	+@$(TUNE_BEST)

define TUNE_ROWS_HELD
set -e; shown=$$($(PLAN) $(ASKED) --show); \
$(BUILD)/split-rows -q --tasks "$$(echo "$$shown" | sed -n 's/^task_targets: \[\(.*\)\]$$/\1/p' | tr -d ' "')" \
  --data "$$(echo "$$shown" | sed -n 's/^DATA  *//p')" --held '$(TUNE_ROWS)' --seed "$$(echo "$$shown" | sed -n 's/^seed: //p')" -o $(TUNE_WORK)/data
endef

define TUNE_BEST
set -e; \
best=$$(awk -F'\t' 'NR == 1 { for (i = 1; i <= NF; i++) if ($$i == "accuracy") at = i } \
  NR > 3 && (!n || $$at > most) { n++; most = $$at; name = $$1 } END { print name }' $(TUNE_WORK)/tune.tsv); \
settings=$(call tune_settings,"$$best"); settings=$${settings# }; \
$(AGAIN) plan $$settings | awk -v type='$(TASK_TYPE)' -v said="$$best: $$settings" ' \
  NR == 1 { print "# The best point of make tune: " said } /^$$/ { exit } / null$$/ { next } /^seed: / { print $$0 "\n\n" type ":"; next } { print "  " $$0 }' \
  >$(TUNE_WORK)/.best.yaml.new; mv $(TUNE_WORK)/.best.yaml.new $(TUNE_WORK)/best.yaml; \
echo "best on the held-out rows: $$best $$settings"; echo "$(COMMAND) merge … CONFIG=$(TUNE_WORK)/best.yaml takes its settings"
endef
