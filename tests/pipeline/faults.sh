#!/bin/sh
# The short form of `make test-faults`: a fault at some writes of every tool, and a few runs killed and resumed.
. "$(dirname "$0")/../lib.sh"
check 'a fault at every 11th write of every tool' env STEP="${STEP:-11}" sh tests/faults/every-write.sh
check '9 runs killed at a random moment and resumed' env RUNS="${RUNS:-9}" SEED="${SEED:-1}" sh tests/faults/kill.sh
finish
