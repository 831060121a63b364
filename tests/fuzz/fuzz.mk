# Fuzzing: one program per parser (tests/fuzz/NAME.c) under address and undefined-behaviour sanitizers, with its corpus.
# libFuzzer, a part of clang, finds new inputs. A plain program, built by $(CC), runs the corpus.
#? make fuzz [FUZZ_SECONDS=20]
#?                         every parser for so many seconds, one after the other; needs clang (make deps-fuzz), and skips, saying so, where
#?                         there is none; FUZZERS='config hdf5' runs these alone; inputs that once failed stay in tests/fuzz/corpus/
#? make fuzz-replay        every parser over its corpus; needs no clang

OWN_VARIABLES += FUZZ_SECONDS FUZZERS FUZZ_CC
FUZZ_SECONDS = 20
FUZZ_SEED = 0# libFuzzer's: by the clock
FUZZ_CC = $(firstword $(shell command -v clang clang-14 clang-15 clang-16 clang-19 2>/dev/null))
FUZZ_HELPERS = survive repair replay
FUZZERS = $(sort $(filter-out $(FUZZ_HELPERS),$(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*.c))))
FUZZ_DIR = $(BUILD)/fuzz
REPLAY_DIR = $(BUILD)/replay

# OpenMP is left out, because clang has its own library for it. The parsers' parallel loops then run in one thread.
# Functions that only OpenMP clauses call are then unused.
SANITIZE = -g -O1 -fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=undefined -fno-omit-frame-pointer
FUZZ_WARN = $(filter-out -fopenmp -g -O%,$(C_FLAGS)) -Wno-unknown-pragmas -Wno-unused-function
FUZZ_LIBS = -Wl,--wrap=fopen,--wrap=fclose -ldnnl -lhdf5_serial -lopenblas -llapacke -lyaml -ljansson -lpcre2-8 -lonig -lutf8proc -lsentencepiece -l:libgomp.so.1 -lstdc++ -lm

.PHONY: fuzz fuzzers fuzz-replay replayers
ifeq ($(FUZZ_CC),)
fuzz fuzzers:
	@echo 'fuzz: skipped: there is no clang here (libFuzzer is part of it; make deps-fuzz installs it)'
else
fuzz: fuzzers
	@for f in $(FUZZERS); do \
	  mkdir -p $(FUZZ_DIR)/found/$$f && \
	  ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:quarantine_size_mb=16 $(FUZZ_DIR)/$$f \
	    -max_total_time=$(FUZZ_SECONDS) -seed=$(FUZZ_SEED) \
	    -max_len=32768 -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=1024 -detect_leaks=0 -print_final_stats=1 \
	    -artifact_prefix=$(FUZZ_DIR)/failed-$$f- $(FUZZ_DIR)/found/$$f tests/fuzz/corpus/$$f >$(FUZZ_DIR)/$$f.log \
	    2>&1 || \
	    { tail -40 $(FUZZ_DIR)/$$f.log; echo "fuzz: $$f failed"; exit 1; }; \
	  awk -v f=$$f '/cov: /{ for (i = 1; i < NF; i++) { if ($$i == "cov:") c = $$(i + 1); \
	    if ($$i == "ft:") t = $$(i + 1) } } \
	    /number_of_executed_units/ { n = $$2 } END { printf \
	    "fuzz: %-12s %9d executions, %5d edges, %6d features\n", f, n, c, t }' $(FUZZ_DIR)/$$f.log; done

fuzzers: $(FUZZERS:%=$(FUZZ_DIR)/%)
endif

fuzz-replay: replayers
	@for f in $(FUZZERS); do printf '%-12s ' $$f; \
	    ASAN_OPTIONS=$(REPLAY_OPTIONS) $(REPLAY_DIR)/$$f tests/fuzz/corpus/$$f 2>$(REPLAY_DIR)/$$f.log || \
	  { tail -40 $(REPLAY_DIR)/$$f.log; echo "fuzz-replay: $$f failed"; exit 1; }; done
REPLAY_OPTIONS = detect_leaks=0:allocator_may_return_null=1

replayers: $(FUZZERS:%=$(REPLAY_DIR)/%)
test-programs: replayers fuzzers

# A library, and a program per parser. fuzz_rules DIR, C compiler and flags, flags of the link, objects beside the
# library, C++ compiler and flags.
define fuzz_rules
$(1)/%: tests/fuzz/%.c tests/fuzz/fuzz.h tests/fuzz/repair.h $(1)/libfuzz.a $(4)
	$$(Q)$(2) $(3) -Itools/lib -o $$@ $$< $(4) $(1)/libfuzz.a $(FUZZ_LIBS)

$(1)/libfuzz.a: $(patsubst %,$(1)/lib/%.o,$(filter-out die,$(LIB_NAMES))) $(1)/lib/survive.o $(1)/lib/repair.o
	$$(Q)rm -f $$@
	$$(Q)ar rcsD $$@ $$^

$(1)/lib/%.o: %.c tests/fuzz/fuzz.mk | $(1)/lib
	$$(Q)$(2) -MMD -MP -c -o $$@ $$<

$(1)/lib/%.o: tests/fuzz/%.c tests/fuzz/fuzz.h tests/fuzz/fuzz.mk | $(1)/lib
	$$(Q)$(2) -Itools/lib -MMD -MP -c -o $$@ $$<

$(1)/lib/%.o: %.cc tests/fuzz/fuzz.mk | $(1)/lib
	$$(Q)$(5) -c -o $$@ $$<

$(1)/lib:
	$$(Q)mkdir -p $$@
endef
CXX_WARN = $(filter-out -g -O%,$(CXX_FLAGS))
# clang's check of calls through pointers needs a part of its runtime that is only linked into C++ programs.
FUZZ_ONLY = -fsanitize=fuzzer-no-link -fno-sanitize=function -Wno-unknown-warning-option
$(eval $(call fuzz_rules,$(REPLAY_DIR),$(CC) $(FUZZ_WARN) $(SANITIZE),,$(REPLAY_DIR)/lib/replay.o,$(CXX) $(CXX_WARN) $(SANITIZE)))
ifneq ($(FUZZ_CC),)
$(eval $(call fuzz_rules,$(FUZZ_DIR),$(FUZZ_CC) $(FUZZ_WARN) $(SANITIZE) $(FUZZ_ONLY),-fsanitize=fuzzer,,$(FUZZ_CC)++ $(CXX_WARN) $(SANITIZE) $(FUZZ_ONLY)))
endif

-include $(wildcard $(FUZZ_DIR)/lib/*.d $(REPLAY_DIR)/lib/*.d)
