#!/bin/sh
# Where NVIDIA's toolkit is installed, the CUDA backend compiles and links with it for sm_80, sm_90 and later (PTX),
# without warnings. Without a GPU it says what is missing; with one it is not run here. The test double also compiles
# with NVIDIA's headers, so that a declaration that differs is an error.
. "$(dirname "$0")/../lib.sh"
HOME_OF_CUDA=${CUDA_HOME:-/usr/local/cuda}
if [ ! -x "$HOME_OF_CUDA/bin/nvcc" ]; then
	skip 'compiling with nvcc' "no nvcc in '$HOME_OF_CUDA/bin' (CUDA_HOME says where it is)"
	finish
fi
export XDG_RUNTIME_DIR="$T"
quiet() { "$@" >"$T/said" 2>&1 || { cat "$T/said"; return 1; }; ! grep -E 'warning( #|:)' "$T/said"; }
compiled() { quiet "$HOME_OF_CUDA/bin/nvcc" -std=c++17 --Werror all-warnings -Xcompiler -Wall,-Wextra \
	-Itools/lib "$@" tools/lib/backend/cuda/be_kernels.cu; }

for arch in sm_80 sm_90; do check "the kernels for $arch" compiled -cubin -arch=$arch -o "$T/$arch.cubin"; done
check 'and as PTX' compiled -ptx -arch=compute_90 -o "$T/kernels.ptx"
check 'CUDA=1: tools compiled and linked' quiet make BUILD="$BUILD" CUDA=1 CUDA_HOME="$HOME_OF_CUDA" \
	"$BUILD/cuda/extract-acts" "$BUILD/cuda/solve-layer"
if [ -e /dev/nvidia0 ]; then
	skip 'a machine without a GPU' 'this one has one'
else
	tiny
	worked
	BUILD=$BUILD/cuda
	refuses 'extract-acts: a machine without a GPU' 1 \
		"^extract-acts: backend 'cuda': there is no device to compute on: " extract_acts -b cuda
	refuses 'solve-layer: a machine without a GPU' 1 \
		"^solve-layer: backend 'cuda': there is no device to compute on: " solve_layer -b cuda
fi
for part in settings memory streams fibers blas; do
	check "the double's $part against NVIDIA's headers" quiet g++ -std=c++17 \
		-fsyntax-only -Wall -Wextra -isystem "$HOME_OF_CUDA/include" \
		-Itests/cuda/double "tests/cuda/double/$part.cpp"
done
finish
