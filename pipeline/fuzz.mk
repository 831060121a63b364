# Fuzzing: one libFuzzer program per parser (tests/fuzz/NAME.c) under address and undefined-behaviour sanitizers, with its corpus.
#? make fuzz [FUZZ_SECONDS=20]
#?                         every parser for so many seconds, one after the other; needs clang, and skips, saying so, where there is none
#?                         FUZZERS='config hdf5' runs these alone; inputs that once failed stay in tests/fuzz/corpus/

FUZZ_SECONDS = 20
FUZZ_CC = $(firstword $(shell command -v clang clang-14 clang-15 clang-16 clang-19 2>/dev/null))
FUZZERS = $(sort $(patsubst tests/fuzz/%.c,%,$(filter-out tests/fuzz/survive.c,$(wildcard tests/fuzz/*.c))))
FUZZ_DIR = $(BUILD)/fuzz
FUZZ_FLAGS = -g -O1 -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize=vptr -fno-sanitize-recover=undefined -fno-omit-frame-pointer
FUZZ_OBJECTS = $(patsubst tools/lib/%.c,$(FUZZ_DIR)/lib/%.o,$(filter-out tools/lib/die.c,$(wildcard tools/lib/*.c))) \
               $(FUZZ_DIR)/lib/spm.o $(FUZZ_DIR)/survive.o
FUZZ_LIB = $(FUZZ_DIR)/libfuzz.a
# OpenMP is left out (clang's has its own library); what is parallel in the parsers is not.
FUZZ_C = $(FUZZ_CC) $(filter-out -fopenmp -g -O%,$(C_FLAGS)) -Wno-unknown-pragmas -Wno-unknown-warning-option $(FUZZ_FLAGS)

.PHONY: fuzz fuzzers
ifeq ($(FUZZ_CC),)
fuzz:
	@echo 'fuzz: skipped: there is no clang here (libFuzzer is part of it)'
else
fuzz: fuzzers
	@for f in $(FUZZERS); do \
	  mkdir -p $(FUZZ_DIR)/found/$$f && \
	  ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:quarantine_size_mb=16 $(FUZZ_DIR)/$$f -max_total_time=$(FUZZ_SECONDS) -max_len=32768 \
	    -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=1024 -detect_leaks=0 -print_final_stats=1 -artifact_prefix=$(FUZZ_DIR)/failed-$$f- \
	    $(FUZZ_DIR)/found/$$f tests/fuzz/corpus/$$f >$(FUZZ_DIR)/$$f.log 2>&1 || \
	    { tail -40 $(FUZZ_DIR)/$$f.log; echo "fuzz: $$f failed"; exit 1; }; \
	  awk -v f=$$f '/cov: /{ for (i = 1; i < NF; i++) { if ($$i == "cov:") c = $$(i + 1); if ($$i == "ft:") t = $$(i + 1) } } \
	    /number_of_executed_units/ { n = $$2 } END { printf "fuzz: %-12s %9d executions, %5d edges, %6d features\n", f, n, c, t }' $(FUZZ_DIR)/$$f.log; done
endif

fuzzers: $(FUZZERS:%=$(FUZZ_DIR)/%)

$(FUZZ_DIR)/%: tests/fuzz/%.c tests/fuzz/fuzz.h $(FUZZ_LIB)
	$(FUZZ_C) -fsanitize=fuzzer -Itools/lib -o $@ $< $(FUZZ_LIB) -Wl,--wrap=fopen,--wrap=fclose -lhdf5_serial -lopenblas -llapacke -lyaml -ljansson -lsentencepiece -l:libgomp.so.1 -lstdc++ -lm

$(FUZZ_LIB): $(FUZZ_OBJECTS)
	rm -f $@
	ar rcsD $@ $^

$(FUZZ_DIR)/lib/%.o: tools/lib/%.c pipeline/fuzz.mk | $(FUZZ_DIR)/lib
	$(FUZZ_C) -MMD -MP -c -o $@ $<

$(FUZZ_DIR)/lib/spm.o: tools/lib/spm.cc pipeline/fuzz.mk | $(FUZZ_DIR)/lib
	$(FUZZ_CC)++ $(filter-out -g -O%,$(CXX_FLAGS)) $(FUZZ_FLAGS) -c -o $@ $<

$(FUZZ_DIR)/survive.o: tests/fuzz/survive.c tests/fuzz/fuzz.h pipeline/fuzz.mk | $(FUZZ_DIR)/lib
	$(FUZZ_C) -Itools/lib -c -o $@ $<

$(FUZZ_DIR)/lib:
	mkdir -p $@

-include $(wildcard $(FUZZ_DIR)/lib/*.d)
