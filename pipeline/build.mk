# How the tools are built: one executable per tools/*.c over one library of tools/lib/*.c.
#? make                    build the tools into build/
#? make SAN=1              the same with address and undefined-behaviour sanitizers, into build/san/

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
# errno and trapping exceptions of float functions are never read here; without them loops with rint and sqrt vectorise.
C_FLAGS = -std=c11 -D_GNU_SOURCE -I/usr/include/hdf5/serial $(WARN) -Wstrict-prototypes -Wmissing-prototypes \
          -fno-math-errno -fno-trapping-math -fopenmp $(CFLAGS)
CXX_FLAGS = -std=c++17 $(WARN) $(CFLAGS)
LDLIBS = -ldnnl -lhdf5_serial -lopenblas -llapacke -lyaml -ljansson -lsentencepiece -lstdc++ -lm

TOOLS := $(notdir $(basename $(wildcard tools/*.c)))
LIB_OBJECTS := $(patsubst tools/lib/%.c,$(BUILD)/lib/%.o,$(wildcard tools/lib/*.c)) $(BUILD)/lib/spm.o
LIB := $(BUILD)/libmerge.a

.PHONY: all
all: $(TOOLS:%=$(BUILD)/%)

$(BUILD)/%: $(BUILD)/tools/%.o $(LIB)
	$(CC) $(OPTIMISE) -fopenmp $(LDFLAGS) -o $@ $< $(LIB) $(LDLIBS)

$(LIB): $(LIB_OBJECTS)
	rm -f $@
	ar rcsD $@ $^

$(BUILD)/tools/%.o: tools/%.c pipeline/build.mk | $(BUILD)/tools
	$(CC) $(C_FLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/lib/%.o: tools/lib/%.c pipeline/build.mk | $(BUILD)/lib
	$(CC) $(C_FLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/lib/spm.o: tools/lib/spm.cc pipeline/build.mk | $(BUILD)/lib
	$(CXX) $(CXX_FLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/lib $(BUILD)/tools:
	mkdir -p $@

.SECONDARY:
-include $(wildcard $(BUILD)/lib/*.d $(BUILD)/tools/*.d $(BUILD)/tests/*.d)
