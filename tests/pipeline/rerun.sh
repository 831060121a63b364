#!/bin/sh
# What runs again. Without a change: nothing. After a change: exactly what depends on it, and then the results equal
# those of a run from scratch.
. "$(dirname "$0")/../lib.sh"
tiny
all='emoint emotion-cause tec isear'
sites='enc00-self enc01-self encoder-output dec00-self dec00-cross dec01-self dec01-cross'
later='enc01-self encoder-output dec00-self dec00-cross dec01-self dec01-cross' # than the first
W=$T/w
must run "$W" -j2 eval

# What follows from new solutions: the files of SITES, and those that follow from the adapter.
evaluation() { each eval/T.json "$all"; each predictions/T.jsonl "$all"; echo eval.tsv adapter/README.md; }
adapter() { echo adapter/adapter_config.json adapter/adapter_model.safetensors; evaluation; }
from_first() { each solution/S.h5 x "$sites"; each merged/T/S.h5 "$all" "$later"; adapter; }
# expect_as_fresh NAME SETTINGS…: the tree is that of a run from scratch.
expect_as_fresh() {
	name=$1
	shift
	rm -rf "$T/fresh"
	must run "$T/fresh" -j2 eval "$@"
	same "$name" "$W" "$T/fresh"
}

# What was not remade is not stale either.
expect_sound() { check "$1: nothing is damaged or stale" "$BUILD/verify-work" -q --work "$W"; }

mark "$W"
run "$W" -j2 eval V=1 >"$T/second" 2>&1
expect_nothing 'a second make runs nothing' "$W"
check 'a second make writes no command of a stage' \
	lacks '(draw-samples|extract-acts|compute-grams|generate-tokens|solve-layer|assemble-lora|eval-emotion) ' \
	"$T/second"
mark "$W"
find "$M" "$L" "$D" -type f -exec touch {} +
must run "$W" -j2 eval
expect_nothing 'touched inputs of the same contents rerun nothing' "$W"

mark "$W"
must run "$W" -j1 eval
expect_nothing 'another -j reruns nothing' "$W"

mark "$W"
must run "$W" -j2 eval PER_DEVICE_EVAL_BATCH_SIZE=4 MAX_ITER=7
expect_nothing 'settings that no stage reads rerun nothing' "$W"

mark "$W"
must run "$W" -j2 eval ALPHA_1=2e-4
expect_remade 'ALPHA_1: the solutions and what follows, no sample, no own model' "$W" $(from_first) \
	$(each grams/T/S.h5 "$all" "$later")
expect_as_fresh 'ALPHA_1: as from scratch' ALPHA_1=2e-4
expect_sound ALPHA_1

mark "$W"
must run "$W" -j2 eval ALPHA_1=2e-4 MODEL_NAME=other/name
expect_remade 'MODEL_NAME: the adapter and its evaluation' "$W" $(adapter)

mark "$W"
must run "$W" -j2 eval REG_CEOF=0.1
expect_remade 'REG_CEOF: the Grams and what follows' "$W" $(from_first) $(each grams/T/S.h5 "$all" "$sites")
must run "$W" -j2 eval

mark "$W"
sed -i 's/night/today/' "$D/tec/test.json"
must run "$W" -j2 eval
expect_remade "a changed test.json: that task's evaluations" "$W" eval/tec.json predictions/tec.jsonl \
	eval/base/tec.json eval/base/tec.jsonl \
	eval/adapters/tec/tec.json eval/adapters/tec/tec.jsonl eval.tsv adapter/README.md

mark "$W"
must "$HELP/tiny-model" -q --seed 2 -o "$T/second-model"
cp "$T/second-model/loras/tec/adapter_model.safetensors" "$L/tec/"
must run "$W" -j2 eval
remade "$W" >"$T/remade"
check "a changed adapter: its own model's side" sh \
	-c 'for s in $2; do grep -qx "own/tec/$s.h5" "$1" || exit 1; done; grep -qx tokens/tec.h5 "$1"' \
	- "$T/remade" "$sites"
check "a changed adapter: no sample, no other's own side" sh \
	-c '! grep -E "^samples/|^(own|tokens)/(emo|isear)|^eval/base|^eval/adapters/(emo|isear)" "$1"' - "$T/remade"
expect_as_fresh 'a changed adapter: as from scratch'
expect_sound 'a changed adapter'

mark "$W"
sed -i 's/night/today/g' "$D/isear/train.json"
must run "$W" -j2 eval
remade "$W" >"$T/remade"
check "changed texts: the samples of that task only" sh -c '[ "$(grep ^samples/ "$1")" = samples/isear.h5 ]' \
	- "$T/remade"
expect_as_fresh 'changed texts: as from scratch'
expect_sound 'changed texts'

mark "$W"
rm "$W/grams/tec/dec00-self.h5"
must run "$W" -j2 eval
after='dec00-cross dec01-self dec01-cross'
expect_remade 'one deleted Gram file: it, and what follows it' "$W" $(each grams/T/S.h5 tec dec00-self) \
	$(each solution/S.h5 x "dec00-self $after") \
	$(each merged/T/S.h5 "$all" "$after") $(each grams/T/S.h5 "$all" "$after") $(adapter)
same 'one deleted Gram file: as before' "$W" "$T/fresh"
expect_sound 'one deleted Gram file'

mark "$W"
rm -r "$W/adapter"
must run "$W" -j2 eval
expect_remade 'a deleted adapter: it, and its evaluation' "$W" $(adapter)

# From here on with one block each: fewer sites.
tiny --blocks 1
must "$HELP/tiny-model" -q --seed 2 --blocks 1 -o "$T/second-model"

# DCS weights the rows of one task by the adapters of all tasks.
W=$T/dcs
must run "$W" -j4 merge USE_DCS=1
cp "$T/second-model/loras/isear/adapter_model.safetensors" "$L/isear/"
must run "$W" -j4 merge USE_DCS=1
rm -rf "$T/fresh"
must run "$T/fresh" -j4 merge USE_DCS=1
same 'a changed adapter, with DCS: as from scratch' "$W" "$T/fresh"

# A task is added or removed: the others' own side stays.
W=$T/three
must run "$W" -j1 merge TASK_TARGETS=emoint,tec MANUAL_CEOF=1
mark "$W"
must run "$W" -j3 merge TASK_TARGETS=emoint,tec,isear MANUAL_CEOF=1
remade "$W" >"$T/remade"
check 'a task more: the own side of the others stays' sh -c '! grep -E "^(samples|own|tokens)/(emoint|tec)" "$1"' \
	- "$T/remade"
rm -rf "$T/fresh"
must run "$T/fresh" -j2 merge TASK_TARGETS=emoint,tec,isear MANUAL_CEOF=1
same 'a task more: as from scratch' "$W" "$T/fresh"

# Grams hold every module that any adapter targets. An adapter that targets more changes all Grams.
W=$T/more
must run "$W" -j4 merge
must "$HELP/tiny-model" -q --adapters pattern --blocks 1 -o "$T/pattern-model"
rm -r "$L/isear"
cp -r "$T/pattern-model/loras/isear" "$L/"
must run "$W" -j4 merge
rm -rf "$T/fresh"
must run "$T/fresh" -j4 merge
same 'an adapter with more targets: as from scratch' "$W" "$T/fresh"

# Without KEEP_ACTS used files are released; a change makes them again.
W=$T/released KEEP=
must run "$W" -j2 merge
mark "$W"
must run "$W" -j2 merge
expect_nothing 'without KEEP_ACTS: a second make runs nothing' "$W"
must run "$W" -j2 merge ALPHA_1=2e-4
must run "$T/released-fresh" -j2 merge ALPHA_1=2e-4
for part in solution adapter
	do check "without KEEP_ACTS: ALPHA_1, $part as from scratch" diff -r "$W/$part" "$T/released-fresh/$part"; done
finish
