#!/bin/sh
# A finished merge, and other settings: `make plan` and the run say that it will be replaced. The old merge is kept
# with its evaluation, and nothing known about it is beside the new one.
. "$(dirname "$0")/../lib.sh"
tiny --blocks 1
W=$T/w
two() { run "$W" "$@" TASK_TARGETS=emoint,tec MANUAL_CEOF=1; }
files() { (cd "$W" && find . -type f ! -name lock -exec cksum {} + | sort -k3); }
said() { grep -c "'$W/adapter' will be replaced, and kept as '$W/adapter.previous'" "$1"; }
sound() { "$BUILD/verify-work" -q --work "$W" >"$T/found"; }

# ---- make plan: on standard output, and WORK is only read
two plan >"$T/plan" 2>"$T/err"
check 'a plan of nothing: so many processes' grep -Eq '^to do +[0-9]+ processes for the merge$' "$T/plan"
check 'no folder is made for it' test ! -e "$W"
for line in "MODEL +$M: 1 \+ 1 blocks" "LORAS +$L: 2 adapters" "DATA +$D" "WORK +$W" \
	"CONFIG +config/iteris-plus.yaml: EMOTION_t5_large"; do
	check "it says what is in force: ${line%% *}" grep -Eq "^$line" "$T/plan"
done
must two merge eval
check 'the first merge replaces nothing' lacks 'will be replaced' "$T/must.out"
check 'and there is no adapter.previous' test ! -e "$W/adapter.previous"
must cp -a "$W" "$T/first"
files >"$T/before"
two plan >"$T/plan" 2>"$T/err"
check 'a plan of the same: nothing to do' grep -Eq '^to do +nothing' "$T/plan"
two plan ALPHA_1=1e-3 >"$T/plan" 2>"$T/err"
check 'a plan of other settings: the adapter will be replaced, and why' grep -Fq \
	"'$W/adapter' will be replaced, and kept as '$W/adapter.previous': alpha_1 8e-05 -> 0.001" "$T/plan"
files | diff "$T/before" - >"$T/diff"
check 'a plan writes nothing' test ! -s "$T/diff"

# ---- the run says it, once, and keeps the old one
two merge ALPHA_1=1e-3 >"$T/out" 2>&1
check 'the run says the same, once' test "$(said "$T/out")" = 1
check 'the adapter is another' sh -c '! cmp -s "$1" "$2"' - "$W/adapter/adapter_model.safetensors" \
	"$T/first/adapter/adapter_model.safetensors"
for file in adapter_config.json adapter_model.safetensors
	do check "kept: $file" cmp "$W/adapter.previous/$file" "$T/first/adapter/$file"; done
check 'kept: its table' cmp "$W/adapter.previous/eval.tsv" "$T/first/eval.tsv"
for file in eval/tec.json predictions/tec.jsonl; do
	check "kept: $file" cmp "$W/adapter.previous/$file" "$T/first/$file"
	check "and no longer in WORK: $file" test ! -e "$W/$file"
done
check 'there is no table of it in WORK' test ! -e "$W/eval.tsv"
check "what is the base's and the adapters' stays" cmp "$W/eval/base/tec.json" "$T/first/eval/base/tec.json"
check 'the kept folder evaluates as an adapter' "$BUILD/eval-emotion" -q --model "$M" --adapter "$W/adapter.previous" \
	--task tec --test "$D/tec/test.json" -o "$T/kept.json" \
	--max-length 100 --max-new-tokens 3
check 'to the same figures' cmp "$T/kept.json" "$T/first/eval/tec.json"
check 'nothing is damaged, stale or unlisted' sound
two report ALPHA_1=1e-3 V=1 >"$T/out" 2>&1
check 'make report evaluates the new one' test -e "$W/eval/tec.json" -a -e "$W/eval.tsv"
check 'and says of which model each line is' grep -q '^eval-emotion: merge sweep on tec: accuracy' "$T/out"
check 'and again nothing is wrong' sound

# ---- one merge later the previous one is kept, and no older one
cp "$W/adapter/adapter_model.safetensors" "$T/second"
must two merge ALPHA_1=1e-2
check 'the next merge keeps the second' cmp "$W/adapter.previous/adapter_model.safetensors" "$T/second"
check 'which is whole' sound
must two merge eval
check 'the first settings again: the first adapter' diff -r "$W/adapter" "$T/first/adapter"

# ---- no finished merge to keep: an evaluation without an adapter is deleted
must two merge eval
rm -r "$W/adapter" "$W/adapter.previous"
must two merge
check 'an adapter that was deleted: its evaluation goes' test ! -e "$W/eval/tec.json" -a ! -e "$W/eval.tsv" -a ! \
	-e "$W/adapter.previous"

# ---- stopped between two steps: in any state, the next run ends the same
must two merge eval ALPHA_1=1e-3
must cp -a "$W" "$T/finished"
after() { # NAME COMMAND: a WORK as a kill leaves it, then a run with other settings
	rm -rf "$W"
	cp -a "$T/finished" "$W"
	sh -c "cd '$W' && $2"
	two merge >"$T/out" 2>&1
	check "$1: the adapter is the new one" cmp "$W/adapter/adapter_model.safetensors" \
		"$T/first/adapter/adapter_model.safetensors"
	check "$1: the old one is kept" cmp "$W/adapter.previous/adapter_model.safetensors" \
		"$T/finished/adapter/adapter_model.safetensors"
	check "$1: with its evaluation" cmp "$W/adapter.previous/eval/tec.json" "$T/finished/eval/tec.json"
	check "$1: which is not in WORK" test ! -e "$W/eval/tec.json" -a ! -e "$W/eval.tsv"
	check "$1: nothing is wrong" sound
}
mkdir "$T/older" && cp "$T/first/adapter/adapter_model.safetensors" "$T/older"
after 'the older one deleted by half' "cp -r '$T/older' adapter.previous"
after 'the table moved' 'mv eval.tsv adapter/'
after 'all of the evaluation moved' \
	'mkdir adapter/eval && mv eval.tsv adapter/ && mv eval/*.json adapter/eval/ && mv predictions adapter/'
after 'the folder renamed' "$PWD/$BUILD/keep-previous -q --in . --checksums ./checksums.tsv"

# ---- a full model goes the same way
W=$T/m
must two merge METHOD=average SAVE=1
must cp -a "$W" "$T/saved"
must two merge METHOD=task-arithmetic SCALE=1 SAVE=1
for part in adapter model; do check "save: the old $part is kept" diff -r "$W/$part.previous" "$T/saved/$part"; done
check 'save: both are new' sh -c '! diff -rq "$1/adapter" "$2/adapter" && ! diff -rq "$1/model" "$2/model"' \
	- "$W" "$T/saved"
check 'save: nothing is wrong' sound
W=$T/d
must two merge eval WITH_PRETRAIN_MATRIX=1
must cp -a "$W" "$T/whole"
two plan WITH_PRETRAIN_MATRIX=1 ALPHA_2=1e-3 >"$T/plan" 2>&1
check 'whole weights: the model will be replaced' grep \
	-Fq "'$W/model' will be replaced, and kept as '$W/model.previous'" "$T/plan"
must two merge WITH_PRETRAIN_MATRIX=1 ALPHA_2=1e-3
check 'whole weights: the old model is kept' cmp "$W/model.previous/model.safetensors" \
	"$T/whole/model/model.safetensors"
check 'whole weights: with its evaluation' cmp "$W/model.previous/eval/tec.json" "$T/whole/eval/tec.json"
W=$T/j
must two merge METHOD=jacobi MAX_ITER=2
must cp -a "$W" "$T/two"
two plan METHOD=jacobi MAX_ITER=1 >"$T/plan" 2>&1
check 'jacobi: fewer iterations replace the adapter, too' grep -Fq "'$W/adapter' will be replaced" "$T/plan"
must two merge METHOD=jacobi MAX_ITER=1
check 'jacobi: the old one is kept' cmp "$W/adapter.previous/adapter_model.safetensors" \
	"$T/two/adapter/adapter_model.safetensors"
finish
