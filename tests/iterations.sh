# iterations.sh: what the tests of jacobi's iterations share; the caller defines jacobi WORK SETTINGS….

# iterate WORK MAX_ITER SETTINGS…: the decoder's tokens are fixed, so that it is known where this ends.
iterate() { folder=$1 most=$2; shift 2
	jacobi "$folder" FEATURES=tokens CONVERGENCE_THRESHOLD=1e-5 MAX_ITER="$most" "$@"; }
number() { ls -d "$1"/iter?? | wc -l; } # number WORK
# same_solutions WORK WORK: of all iterations of the second.
same_solutions() { for f in "$2"/iter??/solution/*.h5; do cmp "$f" "$1${f#"$2"}" || return; done; }
