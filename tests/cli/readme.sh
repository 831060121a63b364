#!/bin/sh
# The READMEs are true. Links lead somewhere. Commands run as written, in a fresh copy of the tree. The tools,
# options and goals that they name exist. No page, line or table cell is too long.
. "$(dirname "$0")/../lib.sh"
tree=$T/tree blocks=$T/blocks tab=$(printf '\t')
empty() { ! grep . "$1"; }
each_page() { while read -r page; do "$@" "$page"; done <"$T/pages"; }

# ---------------------------------------------------------------- what does not run here, and why
# The page, the first line of the block, the reason.
cat >"$T/not-run" <<'END'
README.md	make deps demo	deps needs the network; other tests merge the demo, and are the tests
tools/README.md	python3 -c "import torch, safetensors.torch as s	needs PyTorch
README.md	from peft import PeftModel	needs PyTorch; tests/oracle/load_peft.py does it
pipeline/README.md	#!/bin/sh	needs a cluster; tests/slurm/merge.sh starts one
tests/README.md	make test TESTS='tests/cli/rooms.sh tests/cli/config.sh build/tests/test_config'	tests run anyway
.github/CONTRIBUTING.md	make test TESTS='tests/cli/options.sh build/tests/test_solve'	tests run anyway
tools/lib/backend/README.md	make CUDA=1	needs NVIDIA's toolkit and a GPU
tools/lib/backend/README.md	make CUDA=double	tests/cuda/demo.sh does it
END

# ---------------------------------------------------------------- a fresh copy, its tools built
# The files that git knows, as they are in this tree. Without git: all but what is built.
known_files() {
	git ls-files -z >"$T/known" 2>/dev/null && [ -s "$T/known" ] ||
		find . \( -path ./build -o -path ./work \) -prune -o -type f -print0 >"$T/known"
	xargs -0 sh -c 'for f; do [ -e "$f" ] && printf "%s\0" "$f"; done' - <"$T/known"
}
mkdir "$tree" "$tree/build" "$blocks"
known_files | tar -c --null -T - | tar -x -C "$tree"
# The tools come from $BUILD and are newer than the sources, so that make has nothing to build.
find "$BUILD" -maxdepth 1 -type f -exec cp {} "$tree/build" \;
cp -r "$BUILD/lib" "$BUILD/tools" "$tree/build"
find "$tree/build" -type f -exec touch {} +
(cd "$tree" && find . -path ./build -prune -o -name '*.md' -print | sed 's,^\./,,') |
	sort >"$T/pages"
check 'the copy has the pages' [ "$(wc -l <"$T/pages")" -ge 9 ]

# ---------------------------------------------------------------- blocks of code
# cut PAGE: into blocks/PAGE/N.LANGUAGE and, without the blocks, blocks/PAGE/text.
cut_page() {
	mkdir -p "$blocks/$1"
	awk -v dir="$blocks/$1" '
		/^```/ && !file {
			file = sprintf("%s/%02d.%s", dir, ++n, length($0) > 3 ? substr($0, 4) : "none")
			printf "" >file
			next
		}
		/^```/ { close(file); file = ""; next }
		{ print >(file ? file : dir "/text") }' "$tree/$1"
}
each_page cut_page

(cd "$blocks" && find . -name '*.none') >"$T/found"
check 'every block says what it holds' empty "$T/found"
(cd "$blocks" && grep -rnE '^(\$ |make |build/)' --include='*.text' .) >"$T/found"
check 'no block of text holds a command' empty "$T/found"
(cd "$blocks" && grep -rnE '\b(DIR|WORK|MODEL|LORAS|DATA)/|=(DIR|FILE)\b' --include='*.sh' .) >"$T/found"
check 'no command has a folder that the reader must fill in' empty "$T/found"

first_line() { head -n 1 "$1"; }
# reason PAGE BLOCK: why the block is not run, or nothing.
reason() {
	case $2 in *.sh | *.python) ;; *) echo 'no command'; return ;; esac
	grep -q '^python3 ' "$2" && ! command -v python3 >/dev/null && echo 'no python3 here'
	awk -F'\t' -v page="$1" -v line="$(first_line "$2")" \
		'$1 == page && $2 == line { print $3; exit }' "$T/not-run"
}
has_block() {
	for block in "$blocks/$1"/*.*; do [ "$(first_line "$block")" = "$2" ] && return; done
	return 1
}
while IFS=$tab read -r page line why; do
	check "$page: '$(echo "$line" | cut -c1-40)' does not run: $why" has_block "$page" "$line"
done <"$T/not-run"

# run_page PAGE: runs its commands as one script, so that variables stay set; one test per block.
run_page() {
	: >"$T/script"
	: >"$T/runs"
	for block in "$blocks/$1"/*.*; do
		[ -e "$block" ] && [ -z "$(reason "$1" "$block")" ] || continue
		echo "$block" >>"$T/runs"
		{ cat "$block"; echo "[ \$? = 0 ] || exit"; echo "echo $block >&3"; } >>"$T/script"
	done
	(cd "$tree" && sh -e "$T/script" 3>"$T/ran" >"$T/said" 2>&1 </dev/null)
	while read -r block; do
		name="$1 runs: $(first_line "$block" | cut -c1-60)"
		if grep -qxF "$block" "$T/ran"; then ok "$name"; else
			not_ok "$name"
			tail -n 5 "$T/said" | say
		fi
	done <"$T/runs"
}
each_page run_page

# What README.md says about their results.
for path in adapter/adapter_model.safetensors eval.tsv; do
	check "README.md's merge leaves $path" \
		test -s "$tree/work/my_tasks/sweep-MATS1_CAMR0_DCS0/$path"
done
check "README.md's table is read" "$BUILD/draw-samples" --model "$tree/data/demo/model" --task tec \
	--train "$tree/work/data/tec/train.csv" --prompt '{text}' --answer '{label}' --label-key label \
	--samples-num 2 --select-long 0 -o "$T/csv.h5"

# ---------------------------------------------------------------- links
# anchors PAGE: one for each heading, as GitHub makes them.
anchors() {
	sed -n 's/^##* //p' "$blocks/$1/text" | tr A-Z a-z | sed 's/[^a-z0-9 _-]//g; s/ /-/g'
}
links() {
	grep -oE '\]\([^)]*\)' "$blocks/$1/text" | sed 's/^](//; s/)$//' | grep -vE '^(https?|mailto):'
}
dead_links() {
	links "$1" | while read -r link; do
		target=$1 path=${link%%#*}
		[ -z "$path" ] ||
			target=$(cd "$tree" && realpath -m --relative-to=. "$(dirname "$1")/$path")
		[ -e "$tree/$target" ] || { echo "$1: $link: no such file"; continue; }
		case $link in *'#'*)
			anchors "$target" | grep -qxF -- "${link#*#}" || echo "$1: $link: no such heading" ;;
		esac
	done
}
each_page dead_links >"$T/found"
check 'every link leads to a file and a heading' empty "$T/found"
each_page links >"$T/links"
check 'links were read' [ "$(wc -l <"$T/links")" -ge 40 ]

# Files that a page names relative to the root, such as `tests/run.sh`.
lost_files() {
	grep -oE '`(tests|tools|pipeline|config|data|\.ci)/[A-Za-z0-9_./-]+\.[a-z0-9]+`' "$blocks/$1/text" |
		tr -d '`' | while read -r path; do
		[ -e "$tree/$path" ] || echo "$1: $path"
	done
}
each_page lost_files >"$T/found"
check 'every file that is named is there' empty "$T/found"

# ---------------------------------------------------------------- lengths, in characters
utf8() { LC_ALL=C.UTF-8 "$@"; }
long_lines() { utf8 grep -nE '.{161}' "$tree/$1" | sed "s,^,$1: ,"; }
long_cells() {
	grep '^|' "$blocks/$1/text" | sed 's/ *| */|/g' | utf8 grep -E '\|[^|]{101}' | sed "s,^,$1: ,"
}
check 'README.md has at most 250 lines' [ "$(wc -l <"$tree/README.md")" -le 250 ]
each_page long_lines >"$T/found"
check 'no line has over 160 columns' empty "$T/found"
each_page long_cells >"$T/found"
check 'no table cell has over 100 characters' empty "$T/found"

# ---------------------------------------------------------------- tools, options, goals of make
# names FROM TO: the first cells of the table in tools/README.md between two lines.
names() { sed -n "/^$1/,/^$2/s/^| \(\`[^|]*\`\) |.*/\1/p" "$blocks/tools/README.md/text"; }
find tools -maxdepth 1 -name '*.c' | sed 's,.*/,,; s,\.c$,,' | sort >"$T/tools"
names '## Which tool' 'Options that all' | tr -d '`' | sort >"$T/named"
check 'tools/README.md names each tool, and no other' diff "$T/tools" "$T/named"
"$BUILD/copy-output" --help |
	sed -n '/^Common options/,$s/^ *\(-[a-z], \)\{0,1\}\(--[a-z-]*\).*/\2/p' | sort >"$T/options"
names 'Options that all' '## ' | grep -oE -- '-[a-z-]+' |
	sed 's/^-t$/--threads/; s/^-b$/--backend/; s/^-q$/--quiet/; s/^-v$/--verbose/' | sort >"$T/named"
check 'and the options that all tools have' diff "$T/options" "$T/named"

# Goals: the words after make that are no option and no VARIABLE=value.
{
	find "$blocks" -name text -exec grep -ohE '`make [^`]*`' {} +
	find "$blocks" -name '*.sh' -exec grep -ohE '^make [^#]*' {} +
} | tr -d '`' | sed "s/^make//; s/\[[^]]*\]//g; s/[A-Z_]*='[^']*'//g" | tr ' ' '\n' |
	grep -E '^[a-z][a-z0-9-]*$' | sort -u >"$T/named"
sed -n 's/^\.PHONY: *//p' Makefile pipeline/*.mk tools/*.mk tests/*.mk tests/*/*.mk | tr ' ' '\n' | sort -u >"$T/goals"
comm -23 "$T/named" "$T/goals" >"$T/found"
check 'every goal of make that is named exists' empty "$T/found"
sed -n 's/^#? make \([a-z0-9-]*\).*/\1/p' Makefile pipeline/*.mk tools/*.mk tests/*.mk tests/*/*.mk | grep . |
	sort -u >"$T/helped"
comm -23 "$T/helped" "$T/named" >"$T/found"
check 'every goal of make help is named' empty "$T/found"
finish
