# Merge LoRA adapters of T5 models in bounded memory. `make help` lists what can be typed.
#
# This file builds the tools and the tests, and starts the pipeline. One merge is one graph: pipeline/main.mk with the
# plan that plan-pipeline writes into WORK.

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := all

include tools/build.mk
include tools/deps.mk
include tools/install.mk
include pipeline/run.mk
include tests/test.mk
include tests/faults/faults.mk
include tests/fuzz/fuzz.mk
include tests/bench/bench.mk

.PHONY: help clean keys-readme
help:
	@sed -n 's/^#? //p' pipeline/run.mk $(wildcard tests/*.mk tests/*/*.mk tools/*.mk)
	@echo
	@echo 'Settings (config file, or KEY=value in capitals on the command line):'
	@if [ -x $(BUILD)/plan-pipeline ]; then $(BUILD)/plan-pipeline --list-keys; else echo '  (after make: all keys with their defaults)'; fi

# config/README.md is made from the table of keys (tests/cli/defaults.sh compares them).
keys-readme: $(BUILD)/plan-pipeline
	$(BUILD)/plan-pipeline --keys-markdown >config/README.md

#? make clean              remove the build (not WORK folders: rm -r work does that)
clean:
	rm -rf build
