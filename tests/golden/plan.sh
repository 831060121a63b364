#!/bin/sh
# The demo's plan.mk equals tests/golden/demo-plan.mk, rule by rule: what is made from what, and by which command.
# And planning is quick: 241 sites. After a wanted change, UPDATE=1 sh tests/golden/plan.sh writes the file again;
# then read its diff.
. "$(dirname "$0")/../lib.sh"
G=tests/golden/demo-plan.mk
plan() { # WORK SETTINGS…: the folder's name and the machine's cores left out
	work=$1
	shift
	"$BUILD/plan-pipeline" -q --tools "$BUILD" --model data/demo/model --loras data/demo/loras \
		--data data/demo/data --work "$work" "$@" >/dev/null || return
	sed "s,^W := .*,W := WORK,; s,^bin := .*,bin := build,; s,^threads := .*,threads := 1," "$work/plan.mk"
}
must plan "$T/demo" --jobs 2
plan "$T/demo" --jobs 2 >"$T/plan.mk"
[ -z "${UPDATE:-}" ] || cp "$T/plan.mk" $G
check 'the plan of the demo' diff $G "$T/plan.mk"
sites=$(sed -n 's/^sites := //p' "$T/plan.mk" | wc -w)
check 'two jobs: the Grams of a site by two processes, of two tasks each' test \
	"$(grep -Ec '[(]grams[)] .* --task (emoint,emotion-cause|tec,isear) ' "$T/plan.mk")" = $((2 * sites))
check '… and the merged rows by one, beside the own rows' test \
	"$(grep -c '[(]extract_merged[)] .* --task emoint,emotion-cause,tec,isear ' "$T/plan.mk")" = "$sites"
plan "$T/one" --jobs 1 >"$T/plan1.mk"
check 'one job: all tasks share a process' grep -q -- '--task emoint,emotion-cause,tec,isear ' "$T/plan1.mk"
check 'by make -n the graph is complete' make -n -f pipeline/main.mk PLAN="$T/demo/plan.mk" log_from=0 eval
plan "$T/kept" --jobs 2 --keep-acts 1 >"$T/plan2.mk"
check 'KEEP_ACTS releases nothing' lacks '[$].release' "$T/plan2.mk"
for method in sweep regmean average task-arithmetic ties dare; do
	plan "$T/$method" --set "METHOD=$method" >"$T/plan.$method"
	check "$method: every file that is needed has a rule or is there" make \
		-n -f pipeline/main.mk PLAN="$T/$method/plan.mk" log_from=0 merge
done

# 80 + 80 blocks, q and v: 80 + 160 sites and encoder-output. Processor time is measured, because other programs may
# run beside this.
must "$HELP/tiny-model" -q --rows 200 --blocks 80 -o "$T/deep"
deep() { OMP_NUM_THREADS=1 "$BUILD/plan-pipeline" -q --tools "$BUILD" --model "$T/deep/model" --loras "$T/deep/loras" \
	--data "$T/deep/data" --work "$T/deep/work"; }
must deep
# The processor time of a command in its own shell, the least of three: what `times` says about the children.
took=$(for i in 1 2 3; do (deep >/dev/null; times) | awk 'NR == 2 {
	for (i = 1; i <= 2; i++) { split($i, x, "m"); n += 60 * x[1] + x[2] } print n }'; done | sort -n | head -n 1)
check "241 sites: planned in $took s, under 0.2" awk -v t="$took" 'BEGIN { exit !(t > 0 && t < 0.2) }'
check 'there are 241' test "$(sed -n 's/^sites := //p' "$T/deep/work/plan.mk" | wc -w)" = 241
finish
