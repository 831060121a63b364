# What the installed command runs: the pipeline with the tools of libexec/merge-lora, beside the share/merge-lora that this file lies in. Nothing is
# built.

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SUFFIXES:

.PHONY: all
all: ;

override COMMAND := merge-lora
override BUILD := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))../../../libexec/merge-lora)
include $(dir $(lastword $(MAKEFILE_LIST)))run.mk
