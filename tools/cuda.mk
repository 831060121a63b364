# The CUDA backend, built with NVIDIA's toolkit; and its checks on a CPU test double of the device, which need no
# toolkit. Included by build.mk.
#? make CUDA=1             build the tools with the CUDA backend too, into build/cuda/ (needs nvcc, cuBLAS, cuSOLVER: CUDA_HOME=DIR);
#?                         with it: make CUDA=1 BACKEND=cuda merge eval …
#? make test-cuda          what checks the CUDA backend against a CPU test double (part of make test)

CUDA =
OWN_VARIABLES += CUDA CUDA_HOME NVCC CUDA_ARCH
CUDA_HOME ?= /usr/local/cuda
NVCC = $(CUDA_HOME)/bin/nvcc
# sm_80, sm_90, and PTX that later devices compile for themselves.
CUDA_ARCH = -gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=[sm_90,compute_90]
CUDA_SOURCES = tools/lib/backend/cuda/be_cuda.c tools/lib/backend/cuda/be_device.c

# Both kinds of build share all objects but these. Programs have a folder of their own (CUDA=double: linked with the
# test double).
DOUBLE := $(OBJ)/double
DOUBLE_LIB := $(DOUBLE)/lib/libcuda-double.a
ifeq ($(CUDA),1)
ifeq ($(wildcard $(NVCC)),)
$(error CUDA=1 needs NVIDIA's toolkit, and there is no '$(NVCC)': CUDA_HOME=DIR says where it is)
endif
override BUILD := $(OBJ)/cuda
CUDA_OBJECTS = $(patsubst %.c,$(OBJ)/cuda/lib/%.o,$(notdir $(CUDA_SOURCES))) $(OBJ)/cuda/lib/be_kernels.o
CUDA_LIBS = -L$(CUDA_HOME)/lib64 -Wl,-rpath,$(CUDA_HOME)/lib64 -lcusolver -lcublas -lcudart
else ifeq ($(CUDA),double)
override BUILD := $(DOUBLE)
CUDA_OBJECTS = $(DOUBLE_LIB)
CUDA_LIBS = -Wl,--whole-archive $(DOUBLE_LIB) -Wl,--no-whole-archive
else ifneq ($(CUDA),)
$(error CUDA='$(CUDA)': expected 1, or double for the test double)
endif

$(OBJ)/cuda/lib/%.o: %.c tools/cuda.mk | $(OBJ)/cuda/lib
	$(Q)$(CC) $(C_FLAGS) -isystem $(CUDA_HOME)/include -MMD -MP -c -o $@ $<

$(OBJ)/cuda/lib/%.o: %.cu tools/cuda.mk | $(OBJ)/cuda/lib
	$(Q)$(NVCC) -std=c++17 -O3 -g $(CUDA_ARCH) --Werror all-warnings -Xcompiler -Wall,-Wextra,-Wshadow -Itools/lib -MMD -MP -c -o $@ $<

# ---------------------------------------------------------------- the test double
DOUBLE_INCLUDE = tests/cuda/double/include
DOUBLE_FLAGS = -I$(DOUBLE_INCLUDE) -Itests/cuda/double -Itests/cuda -Itools/lib
DOUBLE_PARTS = settings memory streams fibers blas be_kernels be_cuda be_device
# What the twin tests run under a sanitizer. The rest of the library is linked unchanged.
TWIN_PARTS = be be_cpu gemm simd

# A kind of build: its folder; the flags of what is tested; the flags of the double itself. Under the thread sanitizer
# the double is not instrumented, because it does not behave as a device does.
define double_rules
$(1)/lib/%.o: tests/cuda/double/%.cpp tools/cuda.mk | $(1)/lib
	$$(Q)$$(CXX) $$(CXX_FLAGS) $(3) $$(DOUBLE_FLAGS) -MMD -MP -c -o $$@ $$<

$(1)/lib/%.o: %.cu tools/cuda.mk | $(1)/lib
	$$(Q)$$(CXX) $$(CXX_FLAGS) $(2) $$(DOUBLE_FLAGS) -x c++ -MMD -MP -c -o $$@ $$<

$(1)/lib/%.o: %.c tools/cuda.mk | $(1)/lib
	$$(Q)$$(CC) $$(C_FLAGS) $(2) $$(DOUBLE_FLAGS) -MMD -MP -c -o $$@ $$<

$(1)/lib/test_twins.o: tests/cuda/test_twins.c tools/cuda.mk | $(1)/lib
	$$(Q)$$(CC) $$(C_FLAGS) $(2) $$(DOUBLE_FLAGS) -MMD -MP -c -o $$@ $$<

$(1)/test_twins: $(1)/lib/test_twins.o $(4) $(LIB)
	$$(Q)$$(CC) -fopenmp $(2) $$(LDFLAGS) -o $$@ $$^ $$(LDLIBS) -lcmocka

$(1)/lib:
	$$(Q)mkdir -p $$@

-include $$(wildcard $(1)/lib/*.d)
endef
DOUBLE_ASAN = -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
$(eval $(call double_rules,$(DOUBLE),,,$(DOUBLE_PARTS:%=$(DOUBLE)/lib/%.o)))
$(eval $(call double_rules,$(OBJ)/double-asan,$(DOUBLE_ASAN),$(DOUBLE_ASAN),$(patsubst %,$(OBJ)/double-asan/lib/%.o,$(DOUBLE_PARTS) $(TWIN_PARTS))))
$(eval $(call double_rules,$(OBJ)/double-tsan,-O2 -fsanitize=thread -DEMU_TSAN,-DEMU_TSAN,$(patsubst %,$(OBJ)/double-tsan/lib/%.o,$(DOUBLE_PARTS) $(TWIN_PARTS))))

$(DOUBLE_LIB): $(DOUBLE_PARTS:%=$(DOUBLE)/lib/%.o)
	$(Q)rm -f $@
	$(Q)ar rcsD $@ $^

ifneq ($(CUDA),double) # where it is the rule of every program
$(DOUBLE)/%: $(OBJ)/tools/%.o $(LIB) $(DOUBLE_LIB)
	$(Q)$(CC) $(OPTIMISE) -fopenmp $(LDFLAGS) -o $@ $< -Wl,--whole-archive $(DOUBLE_LIB) -Wl,--no-whole-archive $(LIB) $(LDLIBS)
endif

DOUBLE_TESTS = $(TOOLS:%=$(DOUBLE)/%) $(foreach kind,double double-asan double-tsan,$(OBJ)/$(kind)/test_twins)

.PHONY: test-cuda
test-programs: $(DOUBLE_TESTS) $(OBJ)/bench/make-model
test-cuda:
	@$(MAKE) --no-print-directory test TESTS='$(sort $(wildcard tests/cuda/*.sh))'
