#!/bin/sh
# Why a merge will run what it runs (`make plan`), and the drawing of its stages and files (`make dag`). Both only read.
. "$(dirname "$0")/../lib.sh"
tiny
W=$T/w
two() { KEEP= run "$W" "$@" TASK_TARGETS=emoint,tec MANUAL_CEOF=1; }
# why NAME KIND PATTERN SETTINGS…: the plan's line of that kind of file. It ends the line.
why() {
	name=$1 kind=$2 pattern=$3
	shift 3
	two plan "$@" >"$T/plan" 2>"$T/err"
	if grep -Eq "^(why |eval| {4}) *$kind +$pattern\$" "$T/plan"; then ok "$name"; else
		not_ok "$name"
		sed -n '/^to do/,$p' "$T/plan" | say
	fi
}
files() { (cd "$W" && find . -type f ! -name lock ! -name dag.svg -exec cksum {} + | sort -k3); }

# ---- why
why 'a first run: nothing is there' 'own rows' '14 of 14: not there yet'
why '… the evaluation, too' evaluation '6 of 6: not there yet'
must two -j2 merge eval
two plan >"$T/plan" 2>"$T/err"
check 'a second run: nothing, and so no reason' sh -c \
	'grep -q "^to do  *nothing" "$1" && ! grep -Eq "^(why|eval) " "$1"' - "$T/plan"
files >"$T/before"
why 'a setting: from what to what' solution '7 of 7: alpha_2 changed from 8e-05 to 0.001' ALPHA_2=1e-3
why '… what is made of it' adapter '1 of 1: from new solution' ALPHA_2=1e-3
why '… released data that it reads' 'own rows' '14 of 14: .*data were released, and are read again.*' ALPHA_2=1e-3
why '… the evaluation of the merge alone' evaluation '2 of 6: from new adapter' ALPHA_2=1e-3
why 'another scoring: of every model' evaluation '6 of 6: score changed from first-token to exact' SCORE=exact
why 'a setting of the draw' samples '2 of 2: if_balance changed from 1 to 0' IF_BALANCE=False
rm -rf "$T/data"
cp -r "$D" "$T/data"
sed -i 's/"instruction": "/"instruction": "A /' "$T/data/tec/train.json"
why 'an input: which' samples '1 of 2: train.json of tec changed' DATA="$T/data"
cp -r "$L" "$T/loras"
printf ' ' >>"$T/loras/tec/adapter_config.json"
why 'an adapter' 'own rows' '[0-9]+ of 14: .*the adapter_config.json of adapter tec changed.*' \
	LORAS="$T/loras"
mv "$W/solution/enc01-self.h5" "$T/kept.h5"
why 'a file that is gone' solution '7 of 7: 1 not there yet; 6 from new Grams'
mv "$T/kept.h5" "$W/solution/enc01-self.h5"
touch -r "$W/samples/tec.h5" "$T/time"
touch "$W/samples/tec.h5"
why 'a newer file' 'own rows' '14 of 14: .*1 older than samples/tec.h5; .*'
touch -r "$T/time" "$W/samples/tec.h5"
files | diff "$T/before" - >"$T/diff"
check 'nothing was written' test ! -s "$T/diff"

# ---- the drawing
no_dot=$T/no-dot
mkdir "$no_dot"
for tool in make sh sed grep cat wc tr cmp date mkdir mv env; do
	ln -s "$(command -v $tool)" "$no_dot/$tool"
done
PATH=$no_dot "$(command -v make)" --no-print-directory BUILD="$BUILD" MODEL="$M" LORAS="$L" DATA="$D" WORK="$W" dag \
	>"$T/out" 2>"$T/err"
check 'without dot: a line that says what to install' sh -c \
	'[ "$(grep -vc "^make: " "$1")" = 1 ] && grep -q "^make dag: .* package graphviz" "$1"' - "$T/err"
check '… and nothing is written' test ! -e "$W/dag.svg"
if command -v dot >/dev/null; then
	dag() { two dag "$@" && sed 's/&#45;/-/g' "$W/dag.svg" >"$T/svg"; }
	check 'make dag' dag
	check 'it draws into WORK' grep -q '<svg' "$T/svg"
	words() { grep -o ">[^<]*$1</text>" "$T/svg" | wc -l; } # texts that end so
	check 'all is done' sh -c '[ $1 -gt 10 ] && [ $2 = 1 ] && [ $3 = 1 ]' - "$(words done)" "$(words stale)" \
		"$(words missing)" # the legend has each once
	check 'the first layers are drawn' grep -q 'enc01-self' "$T/svg"
	check '… and not the last' lacks 'dec01-self' "$T/svg"
	check 'one site: SITE' dag SITE=dec01-self
	check '… with its neighbours' sh -c \
		'grep -q dec01-self "$1" && grep -q dec01-cross "$1" && ! grep -q enc00 "$1"' - "$T/svg"
	check 'a layer: LAYER' dag LAYER=dec00
	check '… with its neighbours' sh -c \
		'grep -q dec00-cross "$1" && grep -q dec01-cross "$1" && ! grep -q enc00-self "$1"' - "$T/svg"
	check 'another setting' dag SITE=enc00-self ALPHA_2=1e-3
	check '… what is stale' [ "$(words stale)" -gt 5 ]
	check '… and because of what' grep -q '>alpha_2 changed from 8e-05 to 0.001<' "$T/svg"
	check 'all sites: FULL' dag FULL=1
	check '… each of them' sh -c \
		'for s in $1; do grep -q ">$s<" "$2" || { echo "no $s"; exit 1; }; done' - \
		"$(sed -n 's/^sites := //p' "$W/plan.mk")" "$T/svg"
	two dag SITE=enc09-self >"$T/out" 2>"$T/err"
	check 'no such site' grep -q "^plan-pipeline: SITE='enc09-self' is no site of this merge: expected one such" \
		"$T/err"
	two dag LAYER=3 >"$T/out" 2>"$T/err"
	check 'no such layer' grep -q \
		"^plan-pipeline: LAYER='3' is no layer of this merge: expected one such as 'enc00'$" "$T/err"
	two plan LAYER=enc00 >"$T/out" 2>"$T/err"
	check 'LAYER is for the drawing alone' grep -q 'LAYER= is for make dag' "$T/err"
	two dag LAYER=enc00 SITE=enc00-self >"$T/out" 2>"$T/err"
	check 'a layer or a site' grep -q 'LAYER= SITE=: make dag takes one of them' "$T/err"
	files | diff "$T/before" - >"$T/diff"
	check 'nothing else was written' test ! -s "$T/diff"
	"$BUILD/with-lock" --folder "$W" -- sleep 600 &
	holder=$!
	must await "$(patience 20)" grep -q sleep "$W/lock"
	check 'it is drawn while a run holds the lock' two dag
	check '… all the while' kill $holder
	wait $holder 2>/dev/null
	check 'a merge that has not begun' run "$T/none" dag METHOD=jacobi
	check '… is missing' grep -q '>missing<' "$T/none/dag.svg"

	# 24 + 24 blocks, 73 sites
	must "$HELP/tiny-model" -q --rows 200 --blocks 24 -o "$T/deep"
	check '73 sites are drawn in 10 s' limited 10 make --no-print-directory BUILD="$BUILD" MODEL="$T/deep/model" \
		LORAS="$T/deep/loras" DATA="$T/deep/data" WORK="$T/deep/work" dag FULL=1
	check '… all' [ "$(grep -Eo '>(enc|dec)[0-9]{2}&#45;[a-z]+<' "$T/deep/work/dag.svg" | sort -u | wc -l)" = 72 ]
else skip 'the drawing' 'there is no dot: it is in the package graphviz'; fi
check 'make verify knows the drawing' two verify
finish
