# One merge: the graph of a plan. plan-pipeline writes PLAN=WORK/plan.mk: the settings as variables, then the rules,
# file by file. A rule says from what a file is made, and has a recipe of one line, which begins with a variable of
# stages.mk. Never run this by hand: `make merge` does.
#
# A rule with several targets (&:) is one process for several tasks. plan-pipeline has joined the tasks that must run,
# so that a block's weights are read once for all of them. A file that needs FORCE was released (release-files), and a
# file that must be made reads it.

MAKEFLAGS += --no-builtin-rules --output-sync=target
.SUFFIXES:

# The folder of this file and of the others.
PIPELINE := $(dir $(lastword $(MAKEFILE_LIST)))

include $(PLAN) $(ITERATION)
include $(PIPELINE)stages.mk

.PHONY: merge eval report statistics FORCE
statistics: $(result)
	$(say_memory)
	@echo "statistics of $(tasks): $(patsubst %/,%,$(dir $(result)))" >&2

merge: $(result) $(dir $(result))README.md
	$(if $(filter jacobi,$(method)),,$(say_memory))
	@echo "merged $(if $(full_weight),model: $W/model,adapter: $W/adapter)" >&2

ifeq ($(save),1)
merge: $W/model/config.json $W/model/README.md
endif

# Every tool writes whole files or none, so the finished files of an interrupted process are kept.
.PRECIOUS: $(foreach t,$(sort $(tasks) $(names)),$W/tokens/$t.h5 $(pass)/tokens/$t.h5 \
  $(foreach s,$(extract_sites),$W/own/$t/$s.h5 $W/norms/$t/$s.h5 $(pass)/merged/$t/$s.h5 $(pass)/grams/$t/$s.h5))

ifeq ($(method),jacobi)
include $(PIPELINE)jacobi.mk
endif
include $(PIPELINE)eval.mk
