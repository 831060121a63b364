/* pattern_read.h: the `pattern` of a Split or a Replace: {"String": …} or {"Regex": …}. */
#ifndef PATTERN_READ_H
#define PATTERN_READ_H

#include "model/tokenizer/jsonpart.h"
#include "model/tokenizer/regexp.h"

/* Anything else, or an expression that the library refuses, is die(). */
struct regexp *pattern_read(struct jsonpart p);
/* Compiles an expression of this program. */
struct regexp *pattern_compile_own(const char *expression);

#endif
