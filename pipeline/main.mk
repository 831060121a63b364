# One merge: the graph of a plan. PLAN=WORK/plan.mk, written by plan-pipeline, has the settings as variables and then the rules, file by file: what
# each is made from, and a recipe of one line, whose first word is a variable of stages.mk. Never run by hand: `make merge` does.
#
# A rule with several targets (&:) is one process for several tasks: plan-pipeline has put together those that have something to do, so that a
# block's weights are read once for all of them. A file that needs FORCE was released (release-files), and something that is to be made reads it.

MAKEFLAGS += --no-builtin-rules --output-sync=target
.SUFFIXES:

# The folder of this file, in which the others lie.
PIPELINE := $(dir $(lastword $(MAKEFILE_LIST)))

include $(PLAN) $(ITERATION)
include $(PIPELINE)stages.mk

.PHONY: merge eval report FORCE
merge: $(result)
	$(if $(filter jacobi,$(method)),,$(say_memory))
	@echo "merged $(if $(full_weight),model: $W/model,adapter: $W/adapter)" >&2

ifeq ($(save),1)
merge: $W/model/config.json
endif

# Every tool writes whole files or none: what an interrupted process has finished is kept.
.PRECIOUS: $(foreach t,$(tasks),$(foreach s,$(extract_sites),$W/own/$t/$s.h5 $(pass)/merged/$t/$s.h5 $(pass)/grams/$t/$s.h5))

ifeq ($(method),jacobi)
include $(PIPELINE)jacobi.mk
endif
include $(PIPELINE)eval.mk
