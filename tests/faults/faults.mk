# Faults on purpose: failing writes, kills at random moments, flipped bits.
#? make test-faults [RUNS=200] [SEED=1]
#?                         a fault at every write of every tool; then RUNS merges, each killed at a random moment and resumed
#? make test-memcheck      every tool once under valgrind

OWN_VARIABLES += RUNS RUN STEP
RUNS = 200
SEED = 1

.PHONY: test-faults test-memcheck
test-faults: tests $(BUILD)/tests/shim.so
	BUILD=$(BUILD) sh tests/faults/every-write.sh
	BUILD=$(BUILD) RUNS=$(RUNS) SEED=$(SEED) sh tests/faults/kill.sh

test-memcheck: tests
	BUILD=$(BUILD) sh tests/faults/memcheck.sh

test-programs: $(BUILD)/tests/shim.so

$(BUILD)/tests/shim.so: tests/faults/shim.c tests/faults/faults.mk | $(BUILD)/tests
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE $(WARN) -Wno-pedantic -O2 -shared -fPIC -o $@ $< -ldl
