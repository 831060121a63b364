# smollm2.sh: shared by the tests of the real decoder-only model; sourced after lib.sh. Sets M, L, D and G (golden),
# or skips all.
#
# SMOLLM2_DIR: a folder with adapters/, data/ and golden/. SMOLLM2_MODEL: the model's folder. Without it, fetch.sh
# gets the model and keeps it in REAL_CACHE, outside the tree.
: "${REAL_CACHE:=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/merge-lora-tests/smollm2}"

skip_all() {
	skip "$1" "$2"
	finish
}
[ -d "${SMOLLM2_DIR:-}/golden" ] || skip_all 'SmolLM2-135M-Instruct' 'SMOLLM2_DIR is not set'
if [ -z "${SMOLLM2_MODEL:-}" ]; then
	sh tests/real/fetch.sh "$REAL_CACHE" 2>"$T/fetch" || skip_all 'SmolLM2-135M-Instruct' "$(tail -n 1 "$T/fetch")"
	SMOLLM2_MODEL=$REAL_CACHE/model
fi
M=$SMOLLM2_MODEL L=$SMOLLM2_DIR/adapters D=$SMOLLM2_DIR/data G=$SMOLLM2_DIR/golden

# real WORK TARGETS AND SETTINGS…: runs the pipeline on it. Its stderr stays in $T/real.err.
real() {
	work=$1
	shift
	make --no-print-directory BUILD="$BUILD" TASK_TYPE=SmolLM2 CONFIG=tests/real/smollm2.yaml MODEL="$M" \
		LORAS="$L" DATA="$D" \
		WORK="$work" "$@" 2>"$T/real.err" || { cat "$T/real.err" >&2; return 1; }
}
