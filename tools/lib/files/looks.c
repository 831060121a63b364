/* looks.c: see looks.h. */
#include "files/looks.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/die.h"

#define MAGIC(s) s, sizeof(s) - 1

/* The first entry that fits counts, because UTF-32's mark begins with UTF-16's. */
static const struct {
	const char *bytes;
	size_t n;
	enum look look;
} magic[] = {
	{MAGIC("PAR1"), LOOKS_PARQUET},
	{MAGIC("ARROW1"), LOOKS_ARROW_FILE},
	{MAGIC("\xff\xff\xff\xff"), LOOKS_ARROW_STREAM},
	{MAGIC("\x1f\x8b"), LOOKS_GZIP},
	{MAGIC("BZh"), LOOKS_BZIP2},
	{MAGIC("\xfd"
	       "7zXZ"),
	 LOOKS_XZ},
	{MAGIC("\x28\xb5\x2f\xfd"), LOOKS_ZSTD},
	{MAGIC("PK\x03\x04"), LOOKS_ZIP},
	{MAGIC("\x89HDF\r\n"), LOOKS_HDF5},
	{MAGIC("SQLite format 3"), LOOKS_SQLITE},
	{MAGIC("\x80\x02"), LOOKS_PICKLE},
	{MAGIC("\x80\x03"), LOOKS_PICKLE},
	{MAGIC("\x80\x04"), LOOKS_PICKLE},
	{MAGIC("\x80\x05"), LOOKS_PICKLE},
	{MAGIC("\xff\xfe\0\0"), LOOKS_UTF32},
	{MAGIC("\0\0\xfe\xff"), LOOKS_UTF32},
	{MAGIC("\xff\xfe"), LOOKS_UTF16},
	{MAGIC("\xfe\xff"), LOOKS_UTF16},
	{MAGIC("version https://git-lfs"), LOOKS_LFS},
	/* Whole answers of model hubs, saved under the file's name. */
	{MAGIC("Entry not found"), LOOKS_NOT_FOUND},
	{MAGIC("Repository not found"), LOOKS_NOT_FOUND},
	{MAGIC("Invalid username or password"), LOOKS_NOT_FOUND},
	{MAGIC("Access to "), LOOKS_NOT_FOUND},
	{MAGIC("404: Not Found"), LOOKS_NOT_FOUND},
	{MAGIC("Not Found"), LOOKS_NOT_FOUND},
};

static const struct {
	const char *name, *advice;
} said[] = {
	[LOOKS_UNKNOWN] = {"JSON", ""},
	[LOOKS_PARQUET] = {"a Parquet file", "convert it to JSON"},
	[LOOKS_ARROW_STREAM] = {"an Arrow file (a stream)", "convert it to JSON"},
	[LOOKS_ARROW_FILE] = {"an Arrow file", "convert it to JSON"},
	[LOOKS_GZIP] = {"a file packed by gzip", "unpack it (gunzip)"},
	[LOOKS_BZIP2] = {"a file packed by bzip2", "unpack it (bunzip2)"},
	[LOOKS_XZ] = {"a file packed by xz", "unpack it (unxz)"},
	[LOOKS_ZSTD] = {"a file packed by zstd", "unpack it (unzstd)"},
	[LOOKS_ZIP] = {"a ZIP archive, or a table of Excel",
		       "unpack it (unzip), or save the table as JSON"},
	[LOOKS_HDF5] = {"an HDF5 file", "give the JSON file itself"},
	[LOOKS_SQLITE] = {"an SQLite database", "give the JSON file itself"},
	[LOOKS_PICKLE] = {"a Python pickle, which is not read because unpickling runs code",
			  "save it as JSON (json.dump)"},
	[LOOKS_UTF16] = {"text in UTF-16", "convert it to UTF-8: iconv -f UTF-16 -t UTF-8"},
	[LOOKS_UTF16LE] = {"text in UTF-16 without a byte order mark",
			   "convert it to UTF-8: iconv -f UTF-16LE -t UTF-8"},
	[LOOKS_UTF16BE] = {"text in UTF-16 without a byte order mark",
			   "convert it to UTF-8: iconv -f UTF-16BE -t UTF-8"},
	[LOOKS_UTF32] = {"text in UTF-32", "convert it to UTF-8: iconv -f UTF-32 -t UTF-8"},
	[LOOKS_HTML] = {"a web page (HTML or XML)",
			"a server's error page may have been saved in its place: look into it, and "
			"download the file again"},
	[LOOKS_LFS] = {"a Git LFS pointer, not the file itself",
		       "run `git lfs pull` in its repository"},
	[LOOKS_NOT_FOUND] = {"a server's error message",
			     "look into it, and download the file again"},
	[LOOKS_JSON_LINES] = {"JSON Lines, an object a line", "convert it to JSON"},
	[LOOKS_CSV] = {"CSV, fields between commas", "convert it to JSON"},
	[LOOKS_SEMICOLONS] = {"CSV, fields between semicolons", "convert it to JSON"},
	[LOOKS_TSV] = {"TSV, fields between tabs", "convert it to JSON"},
};

const char *looks_name(enum look l)
{
	return said[l].name;
}

const char *looks_advice(enum look l)
{
	return said[l].advice;
}

size_t looks_mark(const char *bytes, size_t n)
{
	return n >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

/* UTF-16 without a mark: a JSON text begins with two ASCII characters, each with one zero byte. */
static enum look zero_bytes(const char *s, size_t n)
{
	if (n >= 4 && s[0] && !s[1] && s[2] && !s[3])
		return LOOKS_UTF16LE;
	return n >= 4 && !s[0] && s[1] && !s[2] && s[3] ? LOOKS_UTF16BE : LOOKS_UNKNOWN;
}

static size_t skip_space(const char *s, size_t n, size_t i)
{
	while (i < n && isspace((unsigned char)s[i]))
		i++;
	return i;
}

/* The position behind the object or list that begins at byte i; n: it does not end. */
static size_t value_end(const char *s, size_t n, size_t i)
{
	int depth = 0;
	bool quoted = false;
	for (; i < n; i++) {
		if (quoted && s[i] == '\\')
			i++;
		else if (s[i] == '"')
			quoted = !quoted;
		else if (!quoted && (s[i] == '{' || s[i] == '['))
			depth++;
		else if (!quoted && (s[i] == '}' || s[i] == ']') && --depth <= 0)
			return i + 1;
	}
	return n;
}

/* Fields of the first line, by that separator outside of double quotes. */
static int fields(const char *s, size_t n, char separator)
{
	bool quoted = false;
	int count = 1;
	for (size_t i = 0; i < n && (quoted || (s[i] != '\n' && s[i] != '\r')); i++) {
		quoted ^= s[i] == '"';
		count += !quoted && s[i] == separator;
	}
	return count;
}

static enum look table_of(const char *s, size_t n)
{
	static const struct {
		char separator;
		enum look look;
	} kind[] = {{'\t', LOOKS_TSV}, {',', LOOKS_CSV}, {';', LOOKS_SEMICOLONS}};
	for (size_t k = 0; k < sizeof kind / sizeof *kind; k++)
		if (fields(s, n, kind[k].separator) > 1)
			return kind[k].look;
	return LOOKS_UNKNOWN;
}

static bool has_newline(const char *s, size_t from, size_t to)
{
	return memchr(s + from, '\n', to - from) != NULL;
}

static enum look text_look(const char *s, size_t n)
{
	size_t i = skip_space(s, n, 0);
	if (i == n || s[i] == '[')
		return LOOKS_UNKNOWN;
	if (s[i] == '<')
		return LOOKS_HTML;
	if (s[i] != '{')
		return table_of(s + i, n - i);
	size_t end = value_end(s, n, i), next = skip_space(s, n, end);
	return next < n && s[next] == '{' && has_newline(s, end, next) ? LOOKS_JSON_LINES
								       : LOOKS_UNKNOWN;
}

enum look looks_like(const char *bytes, size_t n)
{
	for (size_t i = 0; i < sizeof magic / sizeof *magic; i++)
		if (n >= magic[i].n && memcmp(bytes, magic[i].bytes, magic[i].n) == 0)
			return magic[i].look;
	enum look wide = zero_bytes(bytes, n);
	size_t mark = looks_mark(bytes, n);
	return wide ? wide : text_look(bytes + mark, n - mark);
}

void looks_check_download(const char *path)
{
	char bytes[1024];
	FILE *f = fopen(path, "rb");
	size_t n = f ? fread(bytes, 1, sizeof(bytes), f) : 0;
	enum look l = looks_like(bytes, n);

	if (f)
		fclose(f);
	if (l == LOOKS_LFS || l == LOOKS_HTML || l == LOOKS_NOT_FOUND)
		die("'%s' looks like %s: %s", path, looks_name(l), looks_advice(l));
}
