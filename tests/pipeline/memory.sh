#!/bin/sh
# Memory does not grow with the depth of the model, nor with the number of tasks or samples. log.tsv has every
# process's peak.
. "$(dirname "$0")/../lib.sh"
peak() { awk -F'\t' '$1 != "eval-emotion" && $5 > most { most = $5 } END { printf "%.1f", most }' "$1/log.tsv"; }
tiny --rows 900
must run "$T/small" -j1 merge
base=$(peak "$T/small")
# Mostly libraries: the model itself has 200 kB.
check "the largest process ($base MB) is below 48 MB" awk -v m="$base" 'BEGIN { exit !(m > 1 && m < 48) }'
# What a run takes is within what was planned.
must run "$T/small" plan
cp "$T/must.out" "$T/plan"
planned() { # STAGE: the larger figure, where there is one for each stack
	grep -oE "$1 [0-9]+ MB[^,]*" "$T/plan" | grep -oE '[0-9]+ MB' | sort -n | tail -n 1 | tr -dc 0-9
}
for stage in extract-acts compute-grams solve-layer generate-tokens; do
	most=$(planned $stage)
	check "$stage: every process within the planned $most MB" awk -F'\t' -v stage=$stage -v most="$most" \
		'$1 == stage { n++; bad += $5 > most } END { exit !most || !n || bad }' "$T/small/log.tsv"
done
# Of the methods' own stages.
stages() { # METHOD AND SETTINGS…: the stages of which the plan says the memory
	run "$T/none" plan "$@" 2>/dev/null | sed -n '/^memory/,/^[^m ]/p' | grep -oE '[a-z]+-[a-z-]+ [0-9]+ MB' |
		sed 's/ [0-9]* MB//' | tr '\n' ' '
}
check 'average: no rows, no Grams' [ "$(stages METHOD=average)" = 'solve-layer eval-emotion ' ]
check 'given answers: none are generated' \
	[ "$(stages ANSWERS=given)" = 'extract-acts compute-grams solve-layer eval-emotion ' ]
check 'ties: what combines, and the search of a scale' \
	[ "$(stages METHOD=ties)" = 'combine-layer search-scale eval-emotion ' ]
grown() { # NAME WORK MB: at most 5 % more, and so many MB
	now=$(peak "$2")
	check "$1: $now MB, not much over $base MB" awk -v a="$base" -v b="$now" \
		-v more="$3" 'BEGIN { exit !(b <= 1.05 * a + more) }'
}
# Some buffers are bounded, but so few samples do not fill them. They come in addition: a chunk (512 kB) of each of
# four open datasets, and 1 MB of generate-tokens' residual streams for a group of samples (32 MB at most).
SMALL='SAMPLES_NUM=240 INNER_NUM=3 OUTER_NUM=80'
must run "$T/samples" -j1 merge
grown 'twenty times the samples' "$T/samples" 3
SMALL='SAMPLES_NUM=12 INNER_NUM=3 OUTER_NUM=4'
tiny --blocks 6
must run "$T/deep" -j1 merge
grown 'three times the depth' "$T/deep" 0.2
tiny --tasks a,b,c,d,e,f,g,h
must run "$T/tasks" -j1 merge TASK_TARGETS=a,b,c,d,e,f,g,h MANUAL_CEOF=1
# With -j1 all tasks share a process, which has their files open: 2 MB of buffers for each of the four additional
# tasks.
grown 'twice the tasks' "$T/tasks" 8
finish
