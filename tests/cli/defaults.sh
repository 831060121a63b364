#!/bin/sh
# An option that is a key of the config has the config's default, in every tool that takes it: a step by hand is the pipeline's step.
. "$(dirname "$0")/../lib.sh"

plain() { sed 's/True/1/; s/False/0/' | awk '{ gsub("-", "_", $1); print $1, $2 ~ /^[0-9]/ ? $2 + 0 : $2 }' | sort; } # numbers and booleans as numbers
"$BUILD/plan-pipeline" --list-keys | awk '/^  [a-z]/ { key = $1 } /; default: / { sub(/.*; default: /, ""); print key, $0 }' | plain >"$T/keys"

# What has a default of its own by hand: as many rows at a time as suit the machine, batches of one, MATS only where it is asked for, no scale
# where none was searched; and method and features, which go by each other in the config.
own='inner_num|per_device_eval_batch_size|use_mats|scale|max_memory|method|features'
for path in "$BUILD"/*-*; do
	tool=${path##*/}
	case $tool in plan-pipeline | *.*) continue ;; esac
	"$path" --help | sed -nE 's/^ +(-[a-zA-Z], )?--([a-z0-9-]+) .*\(default ([^ ()]+)\)$/\2 \3/p' | plain >"$T/options"
	join -o 0,1.2,2.2 "$T/options" "$T/keys" | grep -vE "^($own) " >"$T/both" || continue
	check "$tool: the config's defaults of $(cut -d' ' -f1 "$T/both" | tr '\n' ' ')" \
		awk '$2 != $3 { print $1 ": the tool has " $2 ", the config " $3; bad = 1 } END { exit bad }' "$T/both"
done
check 'there are such options' [ "$(wc -l <"$T/results")" -ge 8 ]
finish
