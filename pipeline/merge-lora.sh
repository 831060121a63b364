#!/bin/sh
# merge-lora: the pipeline as one command, from any folder. It runs make on the installed
# share/merge-lora/pipeline/merge-lora.mk, which runs the tools of libexec/merge-lora. Both are found relative to the
# folder of this file, so that the whole can be moved.
#
# `make install` inserts the version and the list of commands.
set -u

usage() {
	cat <<'END'
Usage: merge-lora [-jN] COMMAND... MODEL=DIR LORAS=DIR DATA=DIR [KEY=value]...
merge LoRA adapters of T5, Llama, Mistral and Qwen models in bounded memory

Paths are relative to the folder that you stand in. Results lie in WORK, by default in a folder of
./work. A run that was stopped goes on where it was.

Commands and variables:
@COMMANDS@
  merge-lora help           print this, and all settings that KEY=value can give
  merge-lora TOOL ...       run one tool by hand, as in merge-lora solve-layer --help

Options:
  -h, --help                print this and exit
      --version             print the version and exit

Examples:
  $ merge-lora -j2 merge eval MODEL=model LORAS=loras DATA=data METHOD=average
  $ merge-lora report MODEL=model LORAS=loras DATA=data METHOD=average
END
}

refuse() {
	echo "merge-lora: $*; see merge-lora --help" >&2
	exit 2
}

here=$(realpath "$0") || exit 1
root=${here%/bin/*}
tools=$root/libexec/merge-lora
pipeline=$root/share/merge-lora/pipeline/merge-lora.mk

case ${1-} in
'') refuse 'expected a command, such as merge, found none' ;;
-h | --help) usage; exit ;;
--version) echo 'merge-lora @VERSION@'; exit ;;
help) usage; echo; echo 'Settings:'; exec "$tools/plan-pipeline" --list-keys ;;
esac

for file in "$tools/plan-pipeline" "$pipeline"; do
	[ -e "$file" ] || { echo "merge-lora: there is no '$file', which make install puts beside '$here'" >&2
	exit 1; }
done
# make ends a name at a blank, and reads these characters as its own.
case $root in *[[:space:]\$\#:%]*) echo \
	"merge-lora: it lies in '$root': install it in a folder without blanks, \$, #, : and % in its name" >&2
	exit 1 ;; esac

is_tool() { case $1 in */* | -* | '') false ;; *) [ -f "$tools/$1" ] ;; esac; }
if is_tool "$1"; then
	tool=$tools/$1
	shift
	exec "$tool" "$@"
fi

command= before=
for word; do
	case $before/$word in
	-j/*[!0-9]* | -j/) ;;
	-j/*) before=$word; continue ;;
	esac
	before=$word
	case $word in
	-j?*[!0-9]* | -j[!0-9]*) refuse "-j: expected a number of processes, found '${word#-j}'" ;;
	-j*) ;;
	-*) refuse "unknown option '$word'" ;;
	[A-Za-z]*=*) ;;
	merge | eval | plan | statistics | dag | report | verify | compare | demo | tokens) command=$word ;;
	*) refuse "unknown command '$word'" ;;
	esac
done
[ -n "$command" ] || refuse 'expected a command, such as merge, found none'

# If a make has called this, that make must not affect it. Some callers change folders and leave PWD unchanged.
PWD=$(pwd)
export PWD
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES MAKEFILES GNUMAKEFLAGS
exec make --no-print-directory -f "$pipeline" "$@"
