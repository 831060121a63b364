/* jsonx.h: jansson with messages that name the file and the key. Every failure is die(), in our
 * words.
 *
 * Files over `max_bytes` are refused before they are read. Duplicate keys are an error. A byte
 * order mark of UTF-8 is skipped, as RFC 8259 (8.1) allows. For a file that is no JSON, the message
 * says what it looks like (looks.h). */
#ifndef JSONX_H
#define JSONX_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

json_t *jsonx_load(const char *path, size_t max_bytes); /* caller decrefs */
/* The same, with all numbers as reals. For files with integers beyond 64 bits: transformers writes
 * a length of 10^30. */
json_t *jsonx_load_reals(const char *path, size_t max_bytes);
/* Loads an object with `loader`, one of the two above; an empty object where the file is missing.
 * Another type is die(). Caller decrefs. */
json_t *jsonx_optional_object(const char *path, size_t max_bytes,
			      json_t *loader(const char *path, size_t max_bytes));
/* One member of the object in the file; NULL: it has no such key. The rest is not parsed, so that a
 * large file takes no memory beyond its text. */
json_t *jsonx_load_member(const char *path, size_t max_bytes, const char *key);
/* The same in two steps, for a caller that examines the text first. */
char *jsonx_read(const char *path, size_t max_bytes,
		 size_t *n); /* allocated, n bytes, no 0 at the end */
json_t *jsonx_parse(const char *path, const char *text, size_t n);
/* A line of JSON Lines: one value in n bytes, at line `line` of the file. */
json_t *jsonx_parse_line(const char *path, int line, const char *text, size_t n);
/* Calls take() for each line of JSON Lines that a tool of ours wrote, from line 1 on. o: the line's
 * value, which take() must check; NULL where the line is none. */
void jsonx_each_line(const char *path,
		     void (*take)(void *arg, const json_t *o, const char *path, int line),
		     void *arg);

/* Members of an object that was read from `path`, which is used in messages. The functions *_or
 * return the default when the key is absent or null; the others die. A wrong type or range is
 * die(). */
long jsonx_int(const json_t *o, const char *path, const char *key, long min, long max);
long jsonx_int_or(const json_t *o, const char *path, const char *key, long min, long max,
		  long dflt);
/* Item i of the list under `key`. */
long jsonx_item_int(const json_t *list, const char *path, const char *key, size_t i, long min,
		    long max);
double jsonx_number(const json_t *o, const char *path, const char *key);
double jsonx_number_or(const json_t *o, const char *path, const char *key, double dflt);
bool jsonx_bool_or(const json_t *o, const char *path, const char *key, bool dflt);
const char *jsonx_string(const json_t *o, const char *path, const char *key);
const char *jsonx_string_or(const json_t *o, const char *path, const char *key, const char *dflt);

#endif
