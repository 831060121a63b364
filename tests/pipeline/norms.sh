#!/bin/sh
# The norms that the own side hands on (norms/T/SITE.h5) are those of XᵀX, which compute-grams takes where none are
# given: for every site of every kind of model. Asking for them changes no row.
. "$(dirname "$0")/../lib.sh"
tiny --adapters mixed

# norms_in FILE: a line for each module, "NAME xw_norm2".
norms_in() { h5dump -m %.17g -A "$1" | awk '/GROUP "/ { name = $2 } /ATTRIBUTE / { wanted = $2 == "\"xw_norm2\"" }
	wanted && /\(0\): / { print name, $2 }' | sort; }

# agree NAME WORK TASKS: Grams made without --norms have the norms of the files, and of the run's Grams.
agree() {
	name=$1 W=$2 tasks=$3
	: >"$T/pairs"
	for site in $(cd "$W/norms/${tasks%%,*}" && ls | sed 's/[.]h5$//'); do
		must "$BUILD/compute-grams" -q --model "$M" --site "$site" --task "$tasks" --tasks "$tasks" \
			--adapter "$L/{task}" --own "$W/own/{task}/$site.h5" --merged "$W/merged/{task}/$site.h5" \
			-o "$T/direct/{task}.h5"
		for task in $(echo "$tasks" | tr , ' '); do
			norms_in "$T/direct/$task.h5" >"$T/direct.norms"
			norms_in "$W/norms/$task/$site.h5" | join -a 1 "$T/direct.norms" - |
				sed "s,^,$task/$site ," >>"$T/pairs"
			norms_in "$W/grams/$task/$site.h5" | join "$T/direct.norms" - |
				sed "s,^,$task/$site ," >>"$T/pairs"
		done
	done
	# XᵀX sums float32 products: of many equal rows, such as pads, their errors add up.
	check "$name: $(wc -l <"$T/pairs") norms as from XᵀX" awk '{ off = $3 / $4 - 1 }
		NF != 4 || !(off < 2e-6 && off > -2e-6) { print; bad = 1 } END { exit bad || !NR }' "$T/pairs"
}

must run "$T/tokens" -j2 merge
agree 'T5, several kinds of linears' "$T/tokens" "$TASKS"
last=$(sed -n 's/^sites := .* //p' "$T/tokens/plan.mk")
check 'every site but the last has norms, and encoder-output has none' \
	test "$(ls "$T/tokens/norms/tec")" = "$(ls "$T/tokens/own/tec" | grep -vx -e "$last.h5" -e encoder-output.h5)"
must run "$T/reference" -j2 merge FEATURES=reference
agree 'T5, rows as published: pads, and the last step of each sample' "$T/reference" "$TASKS"

for model in llama qwen2 gemma2 phi3; do
	M=tests/golden/families/$model L=tests/golden/merges/$model/loras D=tests/golden/merges/$model/data
	must make --no-print-directory BUILD="$BUILD" merge TASK_TYPE=SMALL CONFIG=tests/golden/merges/config.yaml \
		MODEL="$M" LORAS="$L" DATA="$D" WORK="$T/$model" KEEP_ACTS=1
	agree "$model" "$T/$model" all,few,late,mlp
	# A walk of its own, which shows nothing: the same rows.
	different=
	for file in "$T/$model"/own/few/*.h5; do
		site=$(basename "$file" .h5)
		must "$BUILD/extract-acts" -q --model "$M" --side own --site "$site" --task few \
			--samples "$T/$model/samples/few.h5" --adapter "$L/few" --answers given -o "$T/alone.h5"
		h5diff "$file" "$T/alone.h5" /rows >/dev/null || different="$different $site"
	done
	check "$model: the rows do not depend on the norms$different" [ -z "$different" ]
done
finish
