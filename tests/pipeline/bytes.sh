#!/bin/sh
# The same inputs give the same bytes: with any -j and number of threads, any batch size, any WORK, and for a stage
# run by hand.
. "$(dirname "$0")/../lib.sh"
tiny --adapters mixed
must run "$T/one" -j1 eval
must run "$T/two" -j2 eval
same '-j1 and -j2' "$T/one" "$T/two"
must run "$T/deeper/in/four" -j4 eval INNER_NUM=1 OUTER_NUM=12
same '-j4, batches of one, another folder' "$T/one" "$T/deeper/in/four"

# As little memory as possible: from 1 MB up to what the messages ask for.
most=1
for turn in 1 2 3 4 5 6 7 8 9 10; do
	run "$T/tight" merge MAX_MEMORY=${most}M >"$T/tight.out" 2>&1 && break
	next=$(sed -nE 's/.*too little: .* (least|needs) ([0-9]+) MB.*/\2/p' "$T/tight.out" | sort -n | tail -n 1)
	[ "${next:-0}" -gt $most ] || break
	most=$next
done
for part in own merged grams solution adapter; do
	check "max_memory ${most}M, the least that works: the same $part" \
		diff -r -x README.md "$T/one/$part" "$T/tight/$part"
done
if [ $turn -gt 1 ]; then ok "less was refused, naming what is needed ($((turn - 1)) times)"
	else not_ok 'less was refused, naming what is needed'; tail -n 3 "$T/tight.out" | say; fi
(KEEP=; must run "$T/released" -j2 merge)
check 'without KEEP_ACTS: the same adapter' diff -r -x README.md "$T/one/adapter" "$T/released/adapter"
check 'without KEEP_ACTS: the same solutions' diff -r "$T/one/solution" "$T/released/solution"
hidden="iteris-test-|$(date +%Y-%m-%d)$(hostname | grep -E '.{6}' | sed 's/^/|/')"
check 'no path, host or date in any file' sh \
	-c '! grep -rlaE "$2" "$1" --include="*.h5" --include="*.safetensors" --include="*.json"' - "$T/one" "$hidden"

# By hand: the run's files are the inputs, the output goes elsewhere.
W=$T/one PAIR=$TASKS
for threads in 1 2; do
	by_hand() { # NAME FILE COMMAND…
		name=$1 file=$2
		shift 2
		rm -rf "$OUT"; mkdir "$OUT"
		if "$@" -q -t $threads >"$T/hand" 2>&1 && cmp "$OUT/x.h5" "$W/$file" >>"$T/hand" 2>&1
			then ok "$name by hand: same bytes, -t $threads"; else
			not_ok "$name by hand: same bytes, -t $threads"; say <"$T/hand"; fi
	}
	extract_norms() { out=$OUT/acts.h5 extract_acts --from "$W/own/tec/enc00-self.h5" --norms-of enc00-self \
		--norms-output "$OUT/x.h5" "$@"; }
	by_hand draw-samples samples/tec.h5 draw_samples
	(site=enc00-self; by_hand 'extract-acts (own)' own/tec/enc00-self.h5 extract_acts)
	by_hand 'extract-acts (own), from the state before' own/tec/enc01-self.h5 extract_acts \
		--from "$W/own/tec/enc00-self.h5"
	# The run has taken the rows of o and wo. Here they are computed once more.
	(site=enc00-down; by_hand 'extract-acts (own), without given rows' own/tec/enc00-down.h5 extract_acts \
		--from "$W/own/tec/enc00-self.h5")
	sites=$(sed -n 's/^sites := //p' "$W/plan.mk" | tr ' ' ,)
	by_hand 'extract-acts (merged)' merged/tec/enc01-self.h5 extract_merged --from "$W/merged/tec/enc00-self.h5"
	by_hand generate-tokens tokens/tec.h5 generate_tokens
	by_hand 'extract-acts (own), the norms of the site before' norms/tec/enc00-self.h5 extract_norms
	by_hand compute-grams grams/tec/enc01-self.h5 compute_grams
	by_hand solve-layer solution/enc01-self.h5 solve_layer
done
finish
