# Run by the installed command: the pipeline, with the tools of libexec/merge-lora, from the folder share/merge-lora
# that contains this file. Nothing is built.

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SUFFIXES:

.PHONY: all
all: ;

override COMMAND := merge-lora
override BUILD := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))../../../libexec/merge-lora)
include $(dir $(lastword $(MAKEFILE_LIST)))run.mk
