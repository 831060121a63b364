#!/bin/sh
# A setting is one fact: the option of a tool has the type, range and default of the config's key. So a step by hand
# is the pipeline's step, and no tool refuses what the config accepts. config/README.md says the same.
. "$(dirname "$0")/../lib.sh"
tiny --rows 200 # enough for the 60 samples of the shipped config

# "key|values|default" of the config in the form of --help: ranges as "from 1 to 512", numbers as numbers.
"$BUILD/plan-pipeline" --list-keys | awk '
	/^  [a-z]/ { key = $1; next }
	/; default: / {
		type = $0; sub(/^ +/, "", type); sub(/; default: .*/, "", type)
		dflt = $0; sub(/.*; default: /, "", dflt)
		kind = "TEXT"; range = "-"
		if (type ~ /integer/) kind = "N"
		else if (type ~ /^a number from/) kind = "X"
		else if (type ~ /^True/) kind = "0|1"
		else if (type ~ /size/) kind = "BYTES"
		if (type ~ /auto:SHARE/) kind = "RANK"
		if (kind ~ /^([NX]|RANK)$/) {
			range = type; sub(/.*from/, "from", range); split(range, word, " ")
			range = "from " word[2] + 0 " to " word[4] + 0
		}
		if (dflt == "True") dflt = 1
		if (dflt == "False") dflt = 0
		if (key == "features") dflt = "tokens" # of every method but jacobi
		if (key == "label_names" || key == "correct") dflt = "-" # in words
		if (key == "scale" || key ~ /rank$/ || key ~ /^max_(memory|disk)$/) dflt = 0
		print key "#" kind "#" range "#" (dflt ~ /^[0-9.e-]+$/ ? dflt + 0 : dflt)
	}' | sort >"$T/keys"
check 'every key is looked at' [ "$(wc -l <"$T/keys")" = \
	"$("$BUILD/plan-pipeline" --list-keys | grep -c '; default: ')" ]

# The same, of a tool's options.
options() {
	"$1" --help | awk '/^ +(-[a-zA-Z], )?--[a-z]/ {
		line = $0; sub(/^ +(-[a-zA-Z], )?--/, "", line); name = line; sub(/ .*/, "", name); gsub("-", "_", name)
		kind = line; sub(/^[^ ]+ /, "", kind); sub(/ .*/, "", kind)
		range = "-"
		if (match(line, /\(from [^)]*\)/)) {
			split(substr(line, RSTART + 1, RLENGTH - 2), word, " ")
			range = "from " word[2] + 0 " to " word[4] + 0
		}
		dflt = "-"; if (match(line, /\(default [^)]*\)/)) dflt = substr(line, RSTART + 9, RLENGTH - 10)
		if (line ~ /\(required\)/) dflt = "required"
		print name "#" kind "#" range "#" (dflt ~ /^[0-9.e-]+$/ ? dflt + 0 : dflt)
	}' | sort
}
# combine-layer has no default method, because it cannot do sweep.
for path in "$BUILD"/*-*; do
	tool=${path##*/}
	[ -f "$path" ] && [ "$tool" != plan-pipeline ] || continue
	options "$path" | sed 's/^method#TEXT#-#required$/method#TEXT#-#sweep/; /^model_name#/d' >"$T/options"
	join -t'#' "$T/options" "$T/keys" >"$T/both"
	[ -s "$T/both" ] || continue
	check "$tool: type, range and default as in the config: $(cut -d'#' -f1 "$T/both" | tr '\n' ' ')" \
		awk -F'#' '$2 != $5 || $3 != $6 || $4 != $7 {
			print $1 ": the tool has " $2 " " $3 " " $4 ", the config " $5 " " $6 " " $7; bad = 1 } END {
			exit bad }' "$T/both"
	cut -d'#' -f1 "$T/both" >>"$T/met"
done

# Every key that the table sends to a tool is an option of that tool, and every such option is in the table.
"$BUILD/plan-pipeline" --keys-markdown |
	awk -F' *\\| *' \
	'/^\| `/ { gsub("`", "", $2); n = split($6, stage, ", "); for (i = 1; i <= n; i++) print stage[i], $2 }
	/^\| [a-z]+ \| [a-z]+-[a-z]+ \|$/ { print "tool", $2, $3 }' >"$T/rows"
check 'each key is an option of the tools that it goes to' sh -c '
	awk "\$1 == \"tool\" { tool[\$2] = \$3; next } { key[++n] = \$2; stage[n] = \$1 }
		END { for (i = 1; i <= n; i++) if (stage[i] != \"plan\") print tool[stage[i]], key[i] }" "$1" |
	while read -r tool key; do
		"$2/$tool" --help | grep -q -- "--$(echo "$key" | tr _ -) " || { echo "$tool has no $key"; exit 1; }
	done' - "$T/rows" "$BUILD"
awk '$1 != "tool" && $1 != "plan" && $2 != "model_name" { print $2 }' "$T/rows" | sort -u >"$T/sent"
check "… and all of them were compared above ($(wc -l <"$T/sent") keys)" sh \
	-c '[ -s "$1" ] && [ -z "$(sort -u "$2" | comm -23 "$1" -)" ]' - "$T/sent" "$T/met"

# The tools accept the extreme values that the config accepts: each tool takes its flags in the plan, and only misses
# its files.
ends() { # ends KEY VALUE
	(out=$T/ends set="$1=$2"; plan_pipeline -q >/dev/null 2>"$T/said") || { echo "$1=$2:"; cat "$T/said"
	return 1; }
	for stage in draw extract tokens grams solve mats converge search eval; do
		tool=$(awk -v s=$stage '$1 == "tool" && $2 == s { print $3 }' "$T/rows")
		flags=$(sed -n "s/^${stage}_flags := *//p" "$T/ends/plan.mk")
		# shellcheck disable=SC2086
		"$BUILD/$tool" $flags 2>&1 | grep -q "is required" || { echo "$tool $flags:"; "$BUILD/$tool" $flags
		return 1; }
	done
}
for end in MAX_LENGTH=2 MAX_LENGTH=8192 MAX_LENGTH=5000 INNER_NUM=1000000 MATS_HISTORY_SIZE=1 MATS_HISTORY_SIZE=64 \
	SEED=0 SEED=4294967295 MAX_NEW_TOKENS=512 \
	PER_DEVICE_EVAL_BATCH_SIZE=0 PER_DEVICE_EVAL_BATCH_SIZE=65536 CONVERGENCE_THRESHOLD=0 CONVERGENCE_THRESHOLD=1 \
		DCS_SIGMA=1e6 ALPHA_1=1e6 REG_CEOF=1; do
	SMALL=
	check "$end: every tool takes it" ends "${end%=*}" "${end#*=}"
done
(set=MAX_LENGTH=8193
	refuses 'over the range: before anything runs' 2 \
	'command line: max_length: expected an integer from 2 to 8192' plan_pipeline)

# The bootstrap uses the seed.
stderr_of() { # of the demo, which gets some rows right
	$LIMIT "$BUILD/eval-emotion" -q --model data/demo/model --adapter data/demo/loras/tec --task tec \
		--test data/demo/data/tec/test.json --seed "$1" -o "$OUT/x.json" &&
		sed -n 's/.*"macro_f1_stderr": *\([^,]*\).*/\1/p' "$OUT/x.json"
}
mkdir -p "$OUT"
a=$(stderr_of 42) b=$(stderr_of 42) c=$(stderr_of 7)
check "the bootstrap: the same seed gives the same error, another seed another ($a, $c)" [ "$a" = "$b" -a "$a" != "$c" ]
(out=$T/seeds set=SEED=7; check 'plan' plan_pipeline -q)
check '… and plan.mk has it' grep -q '^eval_flags := .*--seed 7' "$T/seeds/plan.mk"
check '… and so does the stamp' grep -q '^seed 7$' "$T/seeds/stamps/eval"

"$BUILD/plan-pipeline" --keys-markdown >"$T/readme"
check 'config/README.md is that of this table (make keys-readme writes it)' diff config/README.md "$T/readme"
check '… no cell is over 100 characters' awk \
	-F' \\| ' '/^\|/ { for (i = 1; i <= NF; i++) if (length($i) > 100) { print $i; bad = 1 } } END { exit bad }' \
	config/README.md
finish
