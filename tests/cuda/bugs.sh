#!/bin/sh
# Checks the checks on the CPU test double: bugs are planted in copies of the CUDA backend's sources, and each must
# make the twin tests fail.
. "$(dirname "$0")/../lib.sh"
export XDG_RUNTIME_DIR="$T" OMP_NUM_THREADS=1
LIBS='-ldnnl -lhdf5_serial -lopenblas -llapacke -lyaml -ljansson -lpcre2-8 -lsentencepiece -lstdc++ -lm -lcmocka'
INCLUDE='-Itests/cuda/double/include -Itests/cuda/double -Itests/cuda -Itools/lib'

# build KIND FILE: the twin tests of this kind of build as $T/twins, with $T/FILE in place of
# tools/lib/backend/cuda/FILE.
build() {
	case $1 in
	double) flags= ;;
	double-tsan) flags='-fsanitize=thread -DEMU_TSAN' ;;
	esac
	case $1-$BUILD in double-*/san) flags=-fsanitize=address,undefined ;; esac # as the objects of make SAN=1 are
	case $2 in
	*.cu) ${CXX:-g++} -std=c++17 -O1 $flags $INCLUDE -x c++ -c -o "$T/planted.o" "$T/$2" ;;
	*.c) ${CC:-gcc} -std=c11 -D_GNU_SOURCE -O1 -fopenmp $flags $INCLUDE -c -o "$T/planted.o" "$T/$2" ;;
	esac || return
	# shellcheck disable=SC2046
	${CC:-gcc} $flags -fopenmp -o "$T/twins" "$T/planted.o" $(ls "$BUILD/$1"/lib/*.o | grep -v "/${2%.*}\.o") \
		"$BUILD/libmerge.a" $LIBS
}

# finds MODE: the twin tests fail in this mode, at the first difference or race. Running out of time does not count.
finds() {
	CUDAEMU=$1 CMOCKA_TEST_ABORT=1 TSAN_OPTIONS=halt_on_error=1 limited 120 "$T/twins" >"$T/found" 2>&1
	case $? in 0 | 124 | 137) return 1 ;; esac
}

# bug NAME KIND MODES FILE EDIT: the tests fail in one of the modes.
bug() {
	sed "$5" "tools/lib/backend/cuda/$4" >"$T/$4"
	if cmp -s "$T/$4" "tools/lib/backend/cuda/$4"; then
		not_ok "$1: there was nothing to plant it in"
		return
	fi
	must build "$2" "$4"
	for mode in $3; do
		if finds "$mode"; then
			ok "$1: found in mode $mode"
			return
		fi
	done
	not_ok "$1: not found"
}

for file in be_cuda.c be_device.c be_kernels.cu; do
	cp "tools/lib/backend/cuda/$file" "$T/$file"
	must build double $file
	check "no bug in $file: nothing is found" env CUDAEMU=1 "$T/twins"
done

bug 'product: m and n swapped' double 0 be_cuda.c 's/CUBLAS_OP_N, n, m, k, &one/CUBLAS_OP_N, m, n, k, \&one/'
bug 'product: the rows of X taken for its leading dimension' double 0 be_cuda.c \
	's/LINEAR_ROWS, n, k, in, k, W->p/LINEAR_ROWS, n, k, in, LINEAR_ROWS, W->p/'
bug 'transposed weight: wrong leading dimension' double 0 be_cuda.c 's/W->transposed ? n : k, out/k, out/'
bug 'attention: heads one after the other, not side by side' double 0 be_cuda.c \
	's/V, ld, HS, S, valid, step/V, ld, valid * HS, S, valid, step/'
bug 'a weight is not waited for' double '0 1' be_cuda.c \
	's/CUDA(cudaStreamWaitEvent(device.compute, W->ready, 0))/(void)0/'
bug 'an unused weight is freed while it still comes in' double '0 1' be_cuda.c 's/^\tawait_weight(W); .*//'
bug 'memory for a weight: its last use is not waited for' double '0 1' be_device.c \
	's/if (s && by != device.compute)/if (0)/'
bug 'staging memory is filled while it is sent' double '0 1' be_device.c \
	's/CUDA(cudaEventSynchronize(s->sent))/(void)0/'
bug 'what is fetched is not waited for' double '0 1' be_cuda.c 's/CUDA(cudaStreamSynchronize(device.compute))/(void)0/'
bug 'allocated memory is not zeroed' double 0 be_cuda.c 's/CUDA(cudaMemsetAsync(p, 0, bytes, device.compute))/(void)0/'
bug 'the host follows a device pointer' double 0 be_cuda.c 's/^\tCUDA(kernel_scale(/\tfactor += X[0] * 0;\n&/'
bug 'Cholesky: the other triangle' double 0 be_cuda.c '/cusolverDnDpotrf(/s/FILL_MODE_UPPER/FILL_MODE_LOWER/'
bug 'Cholesky: the other triangle is fetched too' double 0 be_cuda.c \
	's/(size_t)(i0 + i + 1) \* sizeof/(size_t)d * sizeof/'
bug 'reduction: no barrier before the sum' double '0 1' be_kernels.cu \
	'/^template <typename T> __device__/,/^}/{/part\[threadIdx.x\] = v;/{n;s/__syncthreads();//}}'
bug 'reduction: no barrier after the maximum' double '0 1' be_kernels.cu \
	'/max = part\[i\] > max/{n;s/__syncthreads();//}'
bug 'scan: no barrier before the parts are read (thread sanitizer)' double-tsan 0 be_kernels.cu \
	'/ids\[threadIdx.x\] = id;/{n;s/__syncthreads();//}'
bug 'softmax: threads without keys leave before the barrier' double 0 be_kernels.cu \
	's/^\tfloat max = -INFINITY, sum = 0;/&\n\tif ((int)threadIdx.x >= keys) return;/'
bug 'causal mask: one key short' double 0 be_kernels.cu \
	's/causal \&\& row + 1 < keys ? row + 1/causal \&\& row < keys ? row/'
bug 'attention: a window of one key more' double 0 be_kernels.cu \
	's/n > window ? n - window/n > window ? n - window - 1/'
bug 'attention: rows before the first query are not counted' double 0 be_kernels.cu 's/row = before + line/row = line/'
bug 'rotation: by the head, not the row' double 0 be_kernels.cu 's/row = head \/ (size_t)heads;/row = head;/'
bug 'rotation: the sines the other way' double 0 be_kernels.cu \
	's/x\[half\] = b \* turn\[0\] + a/x[half] = b * turn[0] - a/'
bug 'bias: of the column before' double 0 be_kernels.cu 's/Y\[e\] += b\[e % (size_t)n\]/Y[e] += b[(e + 1) % (size_t)n]/'
bug 'softmax: the bias of the row below' double 0 be_kernels.cu 's/(T - 1 - row)/(T - row)/'
bug 'grid: the last block is missing' double 0 be_kernels.cu 's/(n + THREADS - 1) \/ THREADS/n \/ THREADS/'
bug 'elements: no end to the last block' double 0 be_kernels.cu '/void scatter(/,/^}/s/if (e >= n)/if (0)/'
bug 'rmsnorm: reads past the row' double 0 be_kernels.cu '/void rmsnorm(/,/sum = block_sum/s/i < D/i <= D/'
bug 'squares: of a row and a half' double 0 be_kernels.cu '/void squares(/,/block_sum/s/i < n/i < n + n \/ 2/'
bug 'rmsnorm: every thread writes every element (thread sanitizer)' double-tsan 0 be_kernels.cu \
	'/factor = 1.0f/,/^}/s/i = (int)threadIdx.x; i < D; i += (int)blockDim.x/i = 0; i < D; i++/'
bug 'shared memory: one thread too many' double 0 be_kernels.cu \
	's/warps > THREADS \/ 32 ? THREADS : 32 \* warps/32 * warps/'
bug 'bfloat16: cut off, not rounded' double 0 be_kernels.cu \
	's/return bf16_round(bits.u);/return (uint16_t)(bits.u >> 16);/'
finish
