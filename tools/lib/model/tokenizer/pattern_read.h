/* pattern_read.h: the `pattern` of a Split or a Replace: {"String": …} or {"Regex": …}. */
#ifndef PATTERN_READ_H
#define PATTERN_READ_H

#include "model/tokenizer/jsonpart.h"
#include "model/tokenizer/regexp.h"

/* What else, or an expression that the library does not take, is die(). */
struct regexp *pattern_read(struct jsonpart p);
/* An expression of ours. */
struct regexp *pattern_compile_own(const char *expression);

#endif
