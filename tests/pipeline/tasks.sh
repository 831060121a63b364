#!/bin/sh
# A task more or less in a WORK folder: what depends on one task alone stays, and the result has the bytes of a run
# from scratch. KEEP_ACTS=own keeps what such a run reads again.
. "$(dirname "$0")/../lib.sh"

# did TOOL [PATTERN]: how many of its processes since `mark` say this.
did() { tail -n "+$(($(wc -l <"$T/mark.log") + 1))" "$W/log.tsv" | grep -cE "^$1	.*${2-}"; }
expect_did() { # NAME NUMBER TOOL [PATTERN]
	found=$(did "$3" "${4-}")
	check "$1: $2 × $3${4:+, $4} (found $found)" test "$found" = "$2"
}
kept() { check "$1: files that another task has no part in stay" \
	sh -c '! grep -E "^(samples|own|tokens)/($2)[./]" "$1"' - "$T/remade" "$2"; }
# merge TASKS, then expect_fresh NAME TASKS: with the settings of the method at hand.
merge() { must run "$W" -j1 merge TASK_TARGETS="$1" MANUAL_CEOF=1 METHOD=$method $settings; }
expect_fresh() {
	rm -rf "$T/fresh"
	must run "$T/fresh" -j2 merge TASK_TARGETS="$2" MANUAL_CEOF=1 METHOD=$method $settings
	for part in solution adapter/adapter_model.safetensors adapter/adapter_config.json
		do check "$1: $part as from scratch" diff -r "$W/$part" "$T/fresh/$part"; done
}

# more_and_less SITES EXTRACTED ANSWERS: from three tasks to four, back to three, and to four again.
more_and_less() {
	W=$T/$case-$method said="$case, $method"
	[ $method = sweep ] && sides=2 || sides=1
	merge "$three"
	mark "$W"
	run "$W" plan TASK_TARGETS="$three,$fourth" MANUAL_CEOF=1 METHOD=$method $settings >"$T/plan"
	check "$said: the plan makes one task's samples" grep -q "samples *1 of 4: not there yet" "$T/plan"
	check "$said: and its own rows" grep -q "own rows *$2 of $((4 * $2)): not there yet" "$T/plan"
	check "$said: it says why" \
		grep -q "task_targets changed from $three to $three,$fourth.*adapter $fourth is new" "$T/plan"
	merge "$three,$fourth"
	remade "$W" >"$T/remade"
	kept "$said, a task more" "$(echo "$three" | tr , '|')"
	expect_did "$said, a task more" 1 draw-samples
	expect_did "$said, a task more" "$2" extract-acts 'own .* 1 task,'
	expect_did "$said, a task more" "$3" generate-tokens
	expect_did "$said, a task more" $((sides * $2)) extract-acts
	[ $method = regmean ] && of='1 task$' || of='4 tasks$'
	expect_did "$said, a task more" "$1" compute-grams "$(echo "$of" | sed 's/\$/	/')"
	expect_did "$said, a task more" "$1" solve-layer
	expect_fresh "$said, a task more" "$three,$fourth"

	mark "$W"
	merge "$three"
	none="draw-samples generate-tokens"
	[ $method = sweep ] || none="$none extract-acts compute-grams"
	for tool in $none; do expect_did "$said, a task less" 0 "$tool"; done
	expect_did "$said, a task less" 0 extract-acts 'own '
	expect_fresh "$said, a task less" "$three"

	mark "$W"
	merge "$three,$fourth"
	expect_did "$said, the task again" 0 draw-samples
	expect_did "$said, the task again" 0 extract-acts 'own '
	check "$said, the task again: nothing is damaged or stale" "$BUILD/verify-work" -q --work "$W"
}

KEEP=KEEP_ACTS=own settings=
tiny --blocks 1
case=t5 three=emoint,emotion-cause,tec fourth=isear
for method in regmean sweep; do more_and_less 4 4 1; done
# The weights of DCS depend on all adapters: its Grams are made again, from the own rows.
method=regmean settings=USE_DCS=1 W=$T/dcs
merge $three
mark "$W"
merge $three,$fourth
expect_did 'DCS, a task more' 4 compute-grams '4 tasks	'
expect_did 'DCS, a task more' 0 extract-acts '[234] tasks'
expect_fresh 'DCS, a task more' $three,$fourth
settings=

# Without KEEP_ACTS samples and answers stay. The rows were released, and are made again.
KEEP=
for method in regmean sweep; do
	W=$T/released-$method
	merge $three
	mark "$W"
	merge $three,$fourth
	expect_did "$method, nothing kept, a task more" 1 draw-samples
	expect_did "$method, nothing kept, a task more" 1 generate-tokens '1 task	'
	expect_did "$method, nothing kept, a task more" 4 extract-acts 'own .* 4 tasks,'
	expect_fresh "$method, nothing kept, a task more" $three,$fourth
done

KEEP=KEEP_ACTS=own
M=data/demo-llama/model L=data/demo-llama/loras D=data/demo-llama/data
case=llama three=mood,topic,order fourth=route
settings='TASK_TYPE=demo-llama CONFIG=data/demo-llama/config.yaml'
sites=$("$BUILD/plan-pipeline" -q --tools "$BUILD" --config data/demo-llama/config.yaml --task-type demo-llama \
	--model $M --loras $L --data $D --work "$T/sites" >/dev/null
	sed -n 's/^sites := //p' "$T/sites/plan.mk" | wc -w)
method=sweep
more_and_less "$sites" "$sites" 0

refuses 'KEEP_ACTS=all' 2 "KEEP_ACTS='all': expected 1, own or 0" plan_pipeline --keep-acts all
finish
