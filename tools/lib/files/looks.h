/* looks.h: recognises by its first bytes what a file is that should be JSON and is not. */
#ifndef LOOKS_H
#define LOOKS_H

#include <stddef.h>

enum look {
	LOOKS_UNKNOWN, /* it may be JSON */
	LOOKS_PARQUET,
	LOOKS_ARROW_STREAM,
	LOOKS_ARROW_FILE,
	LOOKS_GZIP,
	LOOKS_BZIP2,
	LOOKS_XZ,
	LOOKS_ZSTD,
	LOOKS_ZIP,
	LOOKS_HDF5,
	LOOKS_SQLITE,
	LOOKS_PICKLE,
	LOOKS_UTF16,
	LOOKS_UTF16LE,
	LOOKS_UTF16BE,
	LOOKS_UTF32,
	LOOKS_HTML,
	LOOKS_LFS,
	LOOKS_NOT_FOUND,
	/* Tables as text. They begin neither with [ nor with {, or continue behind their first
	 * object. */
	LOOKS_JSON_LINES,
	LOOKS_CSV,
	LOOKS_SEMICOLONS,
	LOOKS_TSV,
};

enum look looks_like(const char *bytes, size_t n);
const char *looks_name(enum look l);   /* "a Parquet file" */
const char *looks_advice(enum look l); /* what to do with such a file */

/* For a file that turned out to be no JSON: die() where a download has left something else in its
 * place (a Git LFS pointer, a web page, a hub's "not found"). */
void looks_check_download(const char *path);

/* The length of a UTF-8 byte order mark at the start: 3, or 0. The mark only tells the encoding. */
size_t looks_mark(const char *bytes, size_t n);

#endif
