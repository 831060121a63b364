#!/bin/sh
# What a packager and a user of the installed command see: make install, uninstall and dist; merge-lora from another
# folder; man pages; versions; and the example of every tool, run as in --help.
. "$(dirname "$0")/../lib.sh"
version=$(sed -n 's/^VERSION = //p' tools/build.mk)
tools=$(find tools -maxdepth 1 -name '*.c' | sed 's,.*/,,; s,\.c$,,' | sort)
demo=$PWD/data/demo
make_() { make --no-print-directory BUILD="$BUILD" "$@"; }
empty() { ! grep . "$1"; }
content() { (cd "$1" && find . | sort); }

# ---------------------------------------------------------------- install
# A DESTDIR with a blank, and files of others in the folders that are shared.
D="$T/a folder" U=$T/moved/usr
mkdir -p "$D/usr/bin" "$D/usr/libexec" "$D/usr/share/man/man1"
touch "$D/usr/bin/other" "$D/usr/share/man/man1/other.1"
content "$D" >"$T/before"
if command -v help2man >/dev/null; then pages=yes; else pages=; fi
check 'make install' make_ install DESTDIR="$D" PREFIX=/usr
for tool in $tools; do [ -x "$D/usr/libexec/merge-lora/$tool" ] || echo "$tool"; done >"$T/found"
check 'every tool is installed' empty "$T/found"
check 'and nothing names the folder of the build or of DESTDIR' sh -c '! grep -rlF -e "$PWD" -e "$1" "$1"' - "$D"
check 'files can be read by all' sh -c '[ -z "$(find "$1" -type f ! -perm -444)" ]' - "$D"
mkdir "$T/moved"
cp -r "$D/usr" "$U"
PATH=$U/bin:$PATH

# ---------------------------------------------------------------- the command, from another folder
mkdir -p "$T/user/of" "$T/user/mine"
ln -s "$demo/model" "$T/user/model"
ln -s "$demo/loras" "$T/user/loras"
ln -s "$demo/data" "$T/user/data"
cd "$T/user" || exit 99
demo_args='MODEL=model LORAS=loras DATA=data'
small='TASK_TARGETS=tec,isear MANUAL_CEOF=1 SAMPLES_NUM=12 INNER_NUM=3 OUTER_NUM=4 KEEP_ACTS=1'
default=work/EMOTION_t5_large/average-MATS1_CAMR0_DCS0
printf 'my_tasks:\n  task_targets: [tec]\n' >my.yaml
prints() { # NAME PATTERN ARGUMENTS…: succeeds, and says so.
	name=$1 pattern=$2
	shift 2
	if merge-lora "$@" >"$T/said" 2>&1; then check "$name" grep -Eq -- "$pattern" "$T/said"; else not_ok "$name"
		say <"$T/said"; fi
}
# shellcheck disable=SC2086
{
	check 'average, into the default WORK' merge-lora -j2 merge $demo_args METHOD=average
	prints 'plan: up to date then' '^to do +nothing' plan $demo_args METHOD=average
	check '-j and a number are two words' merge-lora -j 2 plan $demo_args
	cd of || exit 99
	check 'a small sweep and its evaluation, from the folder below' \
		merge-lora merge eval MODEL=../model LORAS=../loras DATA=../data WORK=../work/sweep $small \
			METHOD=sweep MATRIX=1
	cd ..
	prints 'report' '^sweep ' report WORK=work/sweep $demo_args $small METHOD=sweep MATRIX=1
	check 'verify' merge-lora verify WORK=work/sweep
	prints 'a config of the user' '^WORK +work/my_tasks/' plan CONFIG=my.yaml TASK_TYPE=my_tasks $demo_args
	check 'two iterations of jacobi' merge-lora merge $demo_args $small METHOD=jacobi MAX_ITER=2 WORK=jacobi
	prints 'the demo is installed' '^to do +[0-9]+ processes' plan MODEL="$U/share/merge-lora/data/demo/model" \
		LORAS="$U/share/merge-lora/data/demo/loras" DATA="$U/share/merge-lora/data/demo/data"
	prints 'help has the settings' '^  alpha_1 ' help
	prints 'a tool by hand' '^Usage: solve-layer ' solve-layer --help
}
check 'below another make, with a PWD that is of the past' sh \
	-c 'printf "all:\n\t@PWD=/ merge-lora plan MODEL=model LORAS=loras DATA=data\n" >above.mk
	said=$(make -j2 -f above.mk 2>&1) && case $said in *make*) echo "$said"; false ;; esac'
ln -s "$U/bin/merge-lora" "$T/user/link"
check 'through a link' ./link solve-layer --version

refuses 'no command' 2 '^merge-lora: expected a command, such as merge, found none; see merge-lora --help$' merge-lora
refuses 'settings alone' 2 'expected a command' merge-lora MODEL=model
refuses 'an unknown command' 2 "^merge-lora: unknown command 'mergge'" merge-lora mergge
refuses 'a number that is no -j' 2 "unknown command '4'" merge-lora merge 4
refuses 'an unknown option' 2 "unknown option '-f'" merge-lora -f x merge
refuses 'no number' 2 "^merge-lora: -j: expected a number of processes, found 'x'" merge-lora -jx merge
says() { # NAME PATTERN ARGUMENTS…: fails, and says so.
	name=$1 pattern=$2
	shift 2
	if merge-lora "$@" >"$T/said" 2>&1; then not_ok "$name"; else check "$name" grep -Eq -- "$pattern" "$T/said"; fi
}
# shellcheck disable=SC2086
{
	says 'a variable of the build is none of the command' "unknown key 'CC'" merge CC=gcc $demo_args
	says 'nor can the folder of the tools be given' "unknown key 'BUILD'" merge BUILD=x $demo_args
	says 'messages name the command' 'METHODS= is for merge-lora compare; merge-lora merge takes one' merge \
		METHODS=a,b $demo_args
}
cd "$demo/../.." || exit 99
must make_ merge METHOD=average MODEL=data/demo/model LORAS=data/demo/loras DATA=data/demo/data WORK="$T/make"
check 'the bytes are those of make merge' cmp "$T/make/adapter/adapter_model.safetensors" \
	"$T/user/$default/adapter/adapter_model.safetensors"

# ---------------------------------------------------------------- the examples, in the folder that they assume
mv "$T/user/work/sweep" "$T/user/sweep" && rm -r "$T/user/work" && mv "$T/user/sweep" "$T/user/work"
echo 'all:;' >"$T/user/my.mk"
# shellcheck disable=SC2086
(cd "$T/user" && must merge-lora statistics TASK=tec WORK=work $demo_args KEEP_ACTS=1 SAMPLES_NUM=12 INNER_NUM=3)
# shellcheck disable=SC2086
(cd "$T/user" && must merge-lora merge METHOD=regmean WORK=shards $demo_args $small SHARDS=3)
example_runs() { (cd "$T/user" && [ -s "$T/example" ] && grep -q "^$1 " "$T/example" &&
	PATH=$U/libexec/merge-lora:$PATH sh -e "$T/example"); }
# The two that change the results of others come last.
for tool in $(echo "$tools" | grep -vxE 'release-files|keep-previous') release-files keep-previous; do
	"$U/libexec/merge-lora/$tool" --help | sed -n '/^Examples:$/,$p' >"$T/end"
	sed -n 's/^  \$ //p' "$T/end" >"$T/example"
	check "$tool: --help ends with an example" [ "$(wc -l <"$T/end")" = $(($(wc -l <"$T/example") + 1)) ]
	check "$tool: which runs" example_runs "$tool"
done
for tool in $tools; do [ "$("$U/libexec/merge-lora/$tool" --version)" = "$tool $version" ] || echo "$tool"
	done >"$T/found"
check "every tool is of version $version" empty "$T/found"
check 'so is the command' [ "$(merge-lora --version)" = "merge-lora $version" ]

# ---------------------------------------------------------------- man pages
if [ "$pages" ]; then
	for name in $tools merge-lora; do
		page=$U/share/man/man1/$name.1
		for section in NAME SYNOPSIS OPTIONS EXAMPLES; do grep -q "^\.SH $section" "$page" ||
			echo "$name: no $section"; done
		grep -q "^$name \\\\- [a-zA-Z]" "$page" || echo "$name: no line for whatis"
		grep -q "^\.TH .* \"merge-lora $version\" " "$page" || echo "$name: not of version $version"
	done >"$T/found" 2>&1
	check 'every tool and the command have a man page, of the version' empty "$T/found"
	if command -v man >/dev/null; then
		check 'man shows them without a warning' sh -c 'for page in "$1"/*.1; do
			[ "${page##*/}" = other.1 ] || LC_ALL=C.UTF-8 man --warnings -l "$page";
			done 2>&1 >/dev/null | { ! grep .; }' - "$U/share/man/man1"
	else
		skip 'man shows them without a warning' 'no man here'
	fi
else
	skip 'every tool and the command have a man page, of the version' 'no help2man here'
fi

# ---------------------------------------------------------------- uninstall
check 'make uninstall' make_ uninstall DESTDIR="$D" PREFIX=/usr
content "$D" >"$T/after"
check 'it leaves what was there before, and nothing else' diff "$T/before" "$T/after"
check 'a second one has nothing to do' make_ uninstall DESTDIR="$D" PREFIX=/usr
check 'without help2man' sh -c 'make --no-print-directory BUILD="$1" install DESTDIR="$2" \
	HELP2MAN=no-such-help2man 2>"$3" && [ ! -e "$2/usr/local/share/man/man1/merge-lora.1" ]' - \
	"$BUILD" "$T/plain" "$T/said"
check 'one line says that there are no man pages' grep \
	-qx 'make: there is no no-such-help2man, so there will be no man pages; make deps installs it' "$T/said"
check 'PREFIX is /usr/local' "$T/plain/usr/local/bin/merge-lora" --version

# ---------------------------------------------------------------- dist
tarball=merge-lora-$version
if git rev-parse --git-dir >/dev/null 2>&1; then
	check 'make dist' make --no-print-directory dist BUILD="$T/dist1"
	check 'a second time, by another user and at another time' sh \
		-c 'umask 077; sleep 1; TZ=Asia/Tokyo make --no-print-directory dist BUILD="$1"' - "$T/dist2"
	check 'equal bytes' cmp "$T/dist1/$tarball.tar.gz" "$T/dist2/$tarball.tar.gz"
	check 'nothing but its folder, of nobody' sh -c 'tar -tvzf "$1" --numeric-owner |
		awk -v dir="$2/" "\$2 != \"0/0\" || index(\$6, dir) != 1 { print; bad = 1 } END { exit bad }"' - \
		"$T/dist1/$tarball.tar.gz" "$tarball"
	mkdir "$T/unpacked"
	must tar -xzf "$T/dist1/$tarball.tar.gz" -C "$T/unpacked"
	check 'its files are those of git' sh -c 'git ls-files | sort >"$1.a" && (cd "$1/$2" && find . ! -type d |
		sed "s,^\./,," | sort) | diff "$1.a" -' - "$T/unpacked" "$tarball"
	check 'it can be built and installed without git' sh -c 'cd "$1" &&
		make -n all install DESTDIR=x >"$2" 2>&1 && grep -q -- "-o build/solve-layer" "$2" &&
		! grep -i "git" "$2"' - \
		"$T/unpacked/$tarball" "$T/said"
	check 'an object of it is compiled' make --no-print-directory -C "$T/unpacked/$tarball" \
		build/tools/copy-output.o
	check 'make dist needs git, and says so' sh \
		-c 'make --no-print-directory -C "$1" dist 2>&1 | grep -q "^make dist: expected a git checkout"' \
		- "$T/unpacked/$tarball"
else
	skip 'make dist' 'no git checkout here, which says the files of the tarball'
fi
finish
