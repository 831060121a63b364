#!/bin/sh
# tune.sh: make tune merges at every point of its grid, scores them on rows that no merge draws from, takes the best
# one, and goes on where it was stopped.
. "$(dirname "$0")/../lib.sh"
tiny --rows 60
cat >"$T/grid.yaml" <<'END'
# a remark
as-given:
ridge: ALPHA_1=10 ALPHA_2=1e-3   # so large that the merge is next to nothing

ridge-few: SAMPLES_NUM=6 INNER_NUM=3 OUTER_NUM=2 IF_BALANCE=0
END
W=$T/w
tune() { run "$W" tune GRID="$T/grid.yaml" TUNE_ROWS=20 "$@"; }

# ---- The rows that are held out
texts() { tr -d '\n' <"$1" | sed 's/}, *{/}\n{/g' | grep -o '"instruction": "[^"]*"' | sort; }
cp -r "$D" "$T/listed"
printf '[59, 0, 58]\n' >"$T/listed/tec/samples.json"
split() { "$BUILD/split-rows" --tasks "${tasks:-tec}" --data "${data:-$T/listed}" -o "$OUT/parts" "$@"; }
mkdir -p "$OUT"
must split --held 57
check 'all but the listed rows can be held out' test "$(tr -d ' \n' <"$OUT/parts/tec/samples.json")" = '[2,0,1]'
must split --held 20
for part in train test; do texts "$OUT/parts/tec/$part.json" >"$T/$part"; done
check 'so many' test "$(wc -l <"$T/test")" = 20
texts "$D/tec/train.json" >"$T/all"
check 'the parts are the whole' sh -c 'sort "$1/train" "$1/test" | diff - "$1/all"' - "$T"
touch -d '2020-01-01' "$OUT/parts/tec/test.json"
must split --held 20
check 'the same parts are not written again' test "$(stat -c %Y "$OUT/parts/tec/test.json")" = \
	"$(date -d 2020-01-01 +%s)"
must split --held 20 --seed 7
check 'another seed, other rows' sh -c '! cmp -s "$1" "$2"' - "$OUT/parts/tec/test.json" "$T/test"
(data=$D
	must split --held 1000
	check 'without a list: at most half' test "$(texts "$OUT/parts/tec/test.json" | wc -l)" = 30)
cp -r "$D" "$T/one"
printf '[{"instruction": "x", "output": "joy"}]\n' >"$T/one/tec/train.json"
(data=$T/one; refuses 'one row' 1 "train.json': 1 row of task 'tec' may be held out: expected at least 2" split)

# ---- What is refused, before anything merges
grid() { # NAME PATTERN: with the grid of stdin
	cat >"$T/wrong.yaml"
	(run "$T/no" tune GRID="$T/wrong.yaml" TUNE_ROWS=20 >"$T/said" 2>&1 && not_ok "$1: refused" ||
		check "$1" grep -q "$2" "$T/said")
}
printf 'a: alpha_1=1\n' | grid 'small letters' \
	"wrong.yaml:1: expected NAME: KEY=value …, each name once, found 'a: alpha_1=1'"
printf 'a:\n\na:\n' | grid 'a name twice' "wrong.yaml:3: expected"
(run "$T/no" tune GRID="$T/none.yaml" >"$T/said" 2>&1
	check 'no grid' grep -q "^make tune: cannot read GRID='.*none.yaml': expected a file" "$T/said")
printf '# nothing\n' | grid 'no point' 'holds no point'
printf 'a:\nb: ALPHA_9=1\n' | grid 'an unknown key' "unknown key 'ALPHA_9'; did you mean"
check '… and nothing has merged' test ! -e "$T/no/tune/a/adapter"

# ---- The search
must tune -j2
for point in as-given ridge ridge-few; do check "$point has merged" test -s "$W/tune/$point/eval.tsv"; done
check 'by its settings, also over those typed' grep -q '^draw_flags := .*--samples-num 6 ' "$W/tune/ridge-few/plan.mk"
for t in emoint tec; do
	check "$t: the rows that stay are what merges draw from" \
		test "$(grep -c instruction "$W/tune/data/$t/train.json")" = 40
	check '… and the others score' grep -q "	$t	20	" "$W/tune/as-given/eval.tsv"
done
best=$(awk -F'\t' 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "accuracy") at = i }
	NR > 3 { print $at "\t" NR "\t" $1 }' \
	"$W/tune/tune.tsv" | sort -k1,1gr -k2,2n | sed -n '1s/.*\t//p')
check 'the best one is taken' grep -q "^# The best point of make tune: $best:" "$W/tune/best.yaml"
check '… and said' grep -q "^best on the held-out rows: $best" "$T/must.out"
settings=$(sed -n "s/ *#.*//; s/^$best: *//p" "$T/grid.yaml")
# shellcheck disable=SC2086
must run "$T/typed" merge $settings
SMALL= must run "$T/chosen" merge CONFIG="$W/tune/best.yaml"
check 'its settings are those of best.yaml' cmp "$T/typed/adapter/adapter_model.safetensors" \
	"$T/chosen/adapter/adapter_model.safetensors"
cat "$W"/tune/*/log.tsv >"$T/log"
printf '[{"instruction": "x", "output": "joy"}]\n' >"$D/tec/test.json"
must tune
check 'a second tune does nothing, whatever the test set' sh -c 'cat "$1"/tune/*/log.tsv | cmp - "$2"' - "$W" "$T/log"
rm -r "$W/tune/ridge-few"
cat "$W/tune/as-given/log.tsv" "$W/tune/ridge/log.tsv" >"$T/others"
must tune
check 'a point that is missing is made again, and no other' \
	sh -c 'cat "$1/as-given/log.tsv" "$1/ridge/log.tsv" | cmp - "$2" && [ -s "$1/ridge-few/eval.tsv" ]' \
	- "$W/tune" "$T/others"
finish
