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
