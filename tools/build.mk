# How the tools are built: one executable per tools/*.c, and one library of the rooms in tools/lib/.
#? make                    build the tools into build/
#? make SAN=1              the same with address and undefined-behaviour sanitizers, into build/san/
#? make format             lay the sources out as .clang-format says
#? make V=1                the same, showing the compiler's commands in place of one line

# The version of all tools, of merge-lora, of the man pages and of the tarball.
VERSION = 0.1

CC = gcc
CXX = g++
OPTIMISE = -O3
BUILD = build
ifdef SAN
BUILD = build/san
OPTIMISE = -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
endif

WARN = -Wall -Wextra -Wpedantic -Wshadow
CFLAGS = -g $(OPTIMISE)
OWN_VARIABLES += VERSION CC CXX CFLAGS LDFLAGS OPTIMISE SAN BUILD
# Debugging information does not contain the folder in which the tools were built.
NO_FOLDER = -ffile-prefix-map=$(CURDIR)=.
# errno and trapping exceptions of float functions are never used here. Without them, loops with rint and sqrt
# vectorise.
C_FLAGS = -std=c11 -D_GNU_SOURCE -Itools/lib -I/usr/include/hdf5/serial $(WARN) -Wstrict-prototypes -Wmissing-prototypes \
          -fno-math-errno -fno-trapping-math -fopenmp -DMERGE_LORA_VERSION='"$(VERSION)"' $(NO_FOLDER) $(CFLAGS)
CXX_FLAGS = -std=c++17 -Itools/lib $(WARN) $(NO_FOLDER) $(CFLAGS)
LDLIBS = -ldnnl -lhdf5_serial -lopenblas -llapacke -lyaml -ljansson -lpcre2-8 -lonig -lutf8proc -lsentencepiece -lstdc++ -lm

# Objects are in OBJ, programs in BUILD. Without CUDA both are the same folder.
OBJ := $(BUILD)
LIB := $(OBJ)/libmerge.a
TOOLS := $(notdir $(basename $(wildcard tools/*.c)))
include tools/cuda.mk
# Objects of all rooms share one folder, so a module's name must be unique in the whole library.
LIB_SOURCES := $(wildcard tools/lib/*/*.c tools/lib/*/*/*.c)
LIB_NAMES := $(notdir $(basename $(filter-out $(CUDA_SOURCES),$(LIB_SOURCES)))) spm
LIB_OBJECTS := $(LIB_NAMES:%=$(OBJ)/lib/%.o)
vpath %.c $(sort $(dir $(LIB_SOURCES)))
vpath %.cc tools/lib/model/tokenizer
vpath %.cu tools/lib/backend/cuda

# $(call building,GOAL): first counts what must be made for GOAL, so that one line can tell it. Warnings and errors are
# shown as usual.
Q := $(if $(V),,@)
building = n=$$($(MAKE) --no-print-directory -n $(1) | grep -cE ' -o [^ ]+|^ar '); [ "$$n" = 0 ] || echo "building $$n files" >&2; \
  $(MAKE) --no-print-directory $(1)

.PHONY: all programs
all:
	+@$(call building,programs)
programs: $(TOOLS:%=$(BUILD)/%)
	@:

$(BUILD)/%: $(OBJ)/tools/%.o $(CUDA_OBJECTS) $(LIB)
	$(Q)$(CC) $(OPTIMISE) -fopenmp $(LDFLAGS) -o $@ $< $(filter-out %.a,$(CUDA_OBJECTS)) $(CUDA_LIBS) $(LIB) $(LDLIBS)

$(LIB): $(LIB_OBJECTS)
	$(Q)rm -f $@
	$(Q)ar rcsD $@ $^

$(OBJ)/tools/%.o: tools/%.c tools/build.mk | $(OBJ)/tools
	$(Q)$(CC) $(C_FLAGS) -MMD -MP -c -o $@ $<

$(OBJ)/lib/%.o: %.c tools/build.mk | $(OBJ)/lib
	$(Q)$(CC) $(C_FLAGS) -MMD -MP -c -o $@ $<

$(OBJ)/lib/%.o: %.cc tools/build.mk | $(OBJ)/lib
	$(Q)$(CXX) $(CXX_FLAGS) -MMD -MP -c -o $@ $<

$(OBJ)/lib $(OBJ)/tools $(OBJ)/cuda/lib:
	$(Q)mkdir -p $@

.PHONY: format
format:
	clang-format -i $$(git ls-files '*.c' '*.h' '*.cc' '*.cu')

.SECONDARY:
-include $(wildcard $(OBJ)/lib/*.d $(OBJ)/tools/*.d $(OBJ)/tests/*.d)
