# iterations.sh: shared by the tests of jacobi's iterations. The caller defines jacobi WORK SETTINGS… and compare
# WORK WORK MAX.

# iterate WORK MAX_ITER SETTINGS…: the decoder's tokens are fixed, so that the end of the iteration is known.
iterate() { folder=$1 most=$2; shift 2
	jacobi "$folder" FEATURES=tokens CONVERGENCE_THRESHOLD=1e-5 MAX_ITER="$most" "$@"; }
number() { ls -d "$1"/iter?? | wc -l; } # number WORK
# same_solutions WORK WORK: for all iterations of the second.
same_solutions() { for f in "$2"/iter??/solution/*.h5; do cmp "$f" "$1${f#"$2"}" || return; done; }
# full_iteration: iterates in $T/full to the end, and compares it with the caller's sweep in $T/sweep. Sets n, the
# number of iterations, and last, the folder of the last one.
full_iteration() {
	must iterate "$T/full" 30
	cp "$T/must.out" "$T/full.out"
	n=$(number "$T/full")
	last=$T/full/iter$(printf %02d "$n")
	check "with fixed tokens the iteration ends where the sweep is" compare "$T/full" "$T/sweep" 1e-4
	check "the threshold ends it before max_iter (here: $n iterations)" test "$n" -gt 4 -a "$n" -lt 30
	check "only the last iteration says that it has converged" test \
		"$(grep -l '^converged 1' "$T"/full/iter??/convergence)" = "$last/convergence"
	check "the solutions are those of the last iteration" diff -r "$T/full/solution" "$last/solution"
	check "one line for each iteration, with its figures" test "$(grep -Ec \
		'^iteration [0-9]+: (the first|relative change [0-9.e+-]+( \(converged\))?), '\
'largest residual [0-9.e-]+ \(.*\), [0-9.]+ s, Max memory usage: [0-9]+\.[0-9][0-9] MB$' \
		"$T/full.out")" = "$n"
}
