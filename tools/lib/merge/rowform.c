/* rowform.c: see rowform.h. */
#include "merge/rowform.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/die.h"
#include "base/text.h"
#include "files/looks.h"

enum { COLUMNS = 12, NAME = 40 }; /* most columns, and bytes of a name, in a message */

const char *const rowform_ends[] = {".json", ".jsonl", ".csv", ".tsv", NULL};

char *row_place_text(struct row_place at)
{
	if (at.line)
		return xformat("'%s' line %d: row %d", at.path, at.line, at.row);
	return xformat("'%s': row %d", at.path, at.row);
}

/* ------------------------------------------------------------ the command */

/* Python that reads the standard input: `load` gives the value `t`, `each` gives the rows of
 * `t`. */
struct source {
	const char *imports, *load, *each;
};

#define OPEN "open(0,encoding='utf-8-sig'"
#define JSON_SOURCE(each)                            \
	(struct source)                              \
	{                                            \
		"json", "json.load(" OPEN "))", each \
	}
#define TABLE_SOURCE(delimiter)                                                      \
	(struct source)                                                              \
	{                                                                            \
		"csv,json", "csv.DictReader(" OPEN ",newline='')" delimiter ")", "t" \
	}

/* For a form that no end of a name stands for. */
static struct source foreign_source(enum look l)
{
	switch (l) {
	case LOOKS_SEMICOLONS: return TABLE_SOURCE(",delimiter=';'");
	case LOOKS_PARQUET:
		return (struct source){"json,sys,pyarrow.parquet as p",
				       "p.read_table(sys.stdin.buffer)", "t.to_pylist()"};
	case LOOKS_ARROW_STREAM:
		return (struct source){"json,sys,pyarrow as p",
				       "p.ipc.open_stream(sys.stdin.buffer)",
				       "t.read_all().to_pylist()"};
	case LOOKS_ARROW_FILE:
		return (struct source){"json,sys,pyarrow as p", "p.ipc.open_file(sys.stdin.buffer)",
				       "t.read_all().to_pylist()"};
	default: return (struct source){0};
	}
}

static bool has_end(const char *path, const char *end)
{
	size_t n = strlen(path), k = strlen(end);
	return n >= k && strcmp(path + n - k, end) == 0;
}

/* For a file with the form that its name says. */
static struct source own_source(const char *path)
{
	if (has_end(path, ".jsonl"))
		return (struct source){"json", OPEN ")", "map(json.loads,filter(str.strip,t))"};
	if (has_end(path, ".csv"))
		return TABLE_SOURCE("");
	return has_end(path, ".tsv") ? TABLE_SOURCE(",delimiter='\\t'") : JSON_SOURCE("t");
}

/* The path with another end in place of the end that says a form. */
static char *renamed(const char *path, const char *end)
{
	for (int i = 0; rowform_ends[i]; i++)
		if (has_end(path, rowform_ends[i]))
			return xformat("%.*s%s", (int)(strlen(path) - strlen(rowform_ends[i])),
				       path, end);
	return xformat("%s%s", path, end);
}

/* A path in quotes, for a shell (allocated). */
static char *shell_quoted(const char *path)
{
	struct text t = {0};
	text_add(&t, "'");
	for (; *path; path++)
		if (*path == '\'')
			text_add(&t, "'\\''");
		else
			text_add(&t, "%c", *path);
	text_add(&t, "'");
	return t.s;
}

/* Keeps the file under another name, and writes its rows as a JSON list. */
static char *command(const char *path, struct source s, const char *row)
{
	char *old = xformat("%s.orig", path), *list = renamed(path, ".json");
	char *from = shell_quoted(path), *kept = shell_quoted(old), *to = shell_quoted(list);
	char *line =
		xformat("mv %s %s && python3 -c \"import %s; print(json.dumps([%s for t in [%s] "
			"for r in %s]))\" <%s >%s%s",
			from, kept, s.imports, row, s.load, s.each, kept, to,
			strstr(s.each, "'KEY'") ? "; for KEY, put the one you mean" : "");
	free(old);
	free(list);
	free(from);
	free(kept);
	free(to);
	return line;
}

/* The command that names a file by its form (allocated). */
static char *rename_command(const char *path, const char *end)
{
	char *name = renamed(path, end), *from = shell_quoted(path), *to = shell_quoted(name);
	char *line = xformat("mv %s %s", from, to);
	free(name);
	free(from);
	free(to);
	return line;
}

/* ------------------------------------------------------------ columns */

/* Usual names of a row's text and label, likeliest first. */
static const char *const texts[] = {"instruction", "text",    "sentence", "prompt",
				    "question",    "content", "tweet",    "review",
				    "input",       "inputs",  "source",   NULL};
static const char *const labels[] = {"output",     "label_text", "label_name", "label",  "labels",
				     "completion", "response",   "answer",     "target", "targets",
				     "emotion",    "sentiment",  "class",      NULL};

/* The first of the names that the row has, in the row's own spelling, or NULL. */
static const char *find_name(json_t *row, const char *const *names)
{
	const char *key;
	json_t *v;
	for (; *names; names++)
		json_object_foreach (row, key, v)
			if (strcasecmp(key, *names) == 0)
				return key;
	return NULL;
}

static bool has_chat(json_t *row, const char *key)
{
	return json_array_size(json_object_get(row, key)) >= 2;
}

/* Python that makes a row of the row r. A chat gives its last question and answer; any other row
 * gives itself. `row` is an example row; NULL: no example is known. */
static const char *row_code(json_t *row)
{
	if (has_chat(row, "messages"))
		return "dict(instruction=r['messages'][-2]['content'],output=r['messages'][-1]['"
		       "content'])";
	if (has_chat(row, "conversations"))
		return "dict(instruction=r['conversations'][-2]['value'],output=r['conversations']"
		       "[-1]['value'])";
	return "r";
}

/* The keys of an object as "text, label". */
static char *names_of(json_t *row)
{
	struct text t = {0};
	const char *key;
	json_t *v;
	int n = 0;
	json_object_foreach (row, key, v) {
		if (n++ == COLUMNS) {
			text_add(&t, ", …");
			break;
		}
		text_add(&t, "%s%.*s", n > 1 ? ", " : "", text_shown(key, strlen(key), NAME), key);
	}
	return t.s ? t.s : xstrdup("none");
}

/* One field of a table's first line, without its quotes. *at is its start, and moves behind its
 * separator. */
static char *next_field(const char *s, size_t n, size_t *at, char separator)
{
	struct text t = {0};
	bool quoted = false;
	size_t i = *at;
	for (; i < n && (quoted || (s[i] != separator && s[i] != '\n' && s[i] != '\r')); i++) {
		quoted ^= s[i] == '"';
		if (s[i] != '"')
			text_add(&t, "%c", s[i]);
	}
	*at = i < n && s[i] == separator ? i + 1 : n;
	return t.s ? t.s : xstrdup("");
}

/* The header's names as the keys of an object. */
static json_t *header_row(const char *s, size_t n, char separator)
{
	json_t *row = json_object();
	for (size_t at = 0; at < n && json_object_size(row) <= COLUMNS;) {
		char *name = next_field(s, n, &at, separator);
		json_object_set_new(row, name, json_string(""));
		free(name);
	}
	return row;
}

static json_t *example_row(enum look l, const char *s, size_t n)
{
	switch (l) {
	case LOOKS_JSON_LINES: return json_loadb(s, n, JSON_DISABLE_EOF_CHECK, NULL);
	case LOOKS_CSV: return header_row(s, n, ',');
	case LOOKS_SEMICOLONS: return header_row(s, n, ';');
	case LOOKS_TSV: return header_row(s, n, '\t');
	default: return NULL;
	}
}

/* The end of the name for a form that can be read; NULL: the form cannot be read. */
static const char *end_of(enum look l)
{
	switch (l) {
	case LOOKS_JSON_LINES: return ".jsonl";
	case LOOKS_CSV: return ".csv";
	case LOOKS_TSV: return ".tsv";
	default: return NULL;
	}
}

void rowform_refuse_table(const char *path, const char *text, size_t n)
{
	enum look l = looks_like(text, n);
	struct source source = foreign_source(l);
	const char *end = end_of(l);
	if (!source.load && !end)
		return;
	size_t mark = looks_mark(text, n);
	json_t *row = example_row(l, text + mark, n - mark);
	char *columns = row ? xformat(" (%s)", names_of(row)) : xstrdup("");
	die("'%s' looks like %s%s, not a JSON list of rows {instruction, output}: %s%s", path,
	    looks_name(l), columns, end ? "a name's end says the form: " : "",
	    end ? rename_command(path, end) : command(path, source, "r"));
}

void rowform_refuse_one_column(const char *path, const char *name)
{
	char other = has_end(path, ".tsv") ? ',' : '\t';
	if (strchr(name, other))
		die("'%s' looks like %s: a name's end says the form: %s", path,
		    looks_name(other == ',' ? LOOKS_CSV : LOOKS_TSV),
		    rename_command(path, other == ',' ? ".csv" : ".tsv"));
	if (strchr(name, ';'))
		die("'%s' looks like %s: %s", path, looks_name(LOOKS_SEMICOLONS),
		    command(path, foreign_source(LOOKS_SEMICOLONS), "r"));
}

/* ------------------------------------------------------------ objects */

/* Whether a name can stand in Python quotes inside shell quotes. */
static bool is_plain(const char *key)
{
	for (; *key; key++)
		if (!isalnum((unsigned char)*key) && *key != '_' && *key != '-' && *key != '.')
			return false;
	return true;
}

static bool is_stem(const char *path, const char *key)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	return strlen(key) == strcspn(name, ".") && strncmp(name, key, strlen(key)) == 0;
}

/* The key of the list that the user means: the only list, or the one with the file's name (train in
 * train.json). */
static const char *list_key(const char *path, json_t *o, int *lists)
{
	const char *key, *found = NULL;
	json_t *v;
	*lists = 0;
	json_object_foreach (o, key, v) {
		if (!json_is_object(json_array_get(v, 0)))
			continue;
		++*lists;
		if (!found || is_stem(path, key))
			found = key;
	}
	if (*lists > 1 && !is_stem(path, found))
		return NULL;
	return found && is_plain(found) ? found : NULL;
}

/* {"train": [rows], …}. Hugging Face's datasets server answers {"rows": [{"row": row}, …]}. */
static void refuse_wrapper(const char *path, json_t *o)
{
	int lists;
	const char *key = list_key(path, o, &lists);
	if (lists == 0)
		return;
	json_t *row = key ? json_array_get(json_object_get(o, key), 0) : NULL,
	       *inner = json_object_get(row, "row");
	const char *under = key ? key : "KEY";
	char *each = json_is_object(inner) ? xformat("[v['row'] for v in t['%s']]", under)
					   : xformat("t['%s']", under);
	char *keys = names_of(o);
	die("'%s' holds an object, not a list of rows: %s: %s", path,
	    key ? xformat("its key '%s' holds the list", key)
		: xformat("several of its keys (%s) hold lists", keys),
	    command(path, JSON_SOURCE(each), row_code(json_is_object(inner) ? inner : row)));
}

/* The first row of a table by columns: {"text": [..], "label": [..]}, or pandas' {"text": {"0":
 * ..}, ..}. NULL: the object is no such table. */
static json_t *first_of_columns(json_t *o, bool objects)
{
	json_t *row = json_object(), *v;
	const char *key;
	json_object_foreach (o, key, v) {
		json_t *first = objects ? json_object_iter_value(json_object_iter(v))
					: json_array_get(v, 0);
		if (first)
			json_object_set(row, key, first);
	}
	if (json_object_size(row) >= 2 && json_object_size(row) == json_object_size(o))
		return row;
	json_decref(row);
	return NULL;
}

static void refuse_columns(const char *path, json_t *o, bool objects)
{
	json_t *row = first_of_columns(o, objects);
	if (!row)
		return;
	const char *each =
		objects ? "[dict(zip(t,v)) for v in zip(*[c.values() for c in t.values()])]"
			: "[dict(zip(t,v)) for v in zip(*t.values())]";
	die("'%s' holds an object, not a list of rows: it looks like a table by columns (%s): %s",
	    path, names_of(row), command(path, JSON_SOURCE(each), row_code(row)));
}

/* pandas' orient='split': {"columns": [names], "data": [[values], …]}. */
static void refuse_split(const char *path, json_t *o)
{
	json_t *names = json_object_get(o, "columns"),
	       *values = json_array_get(json_object_get(o, "data"), 0);
	json_t *row = json_object();
	for (size_t i = 0; i < json_array_size(names) && i < json_array_size(values); i++)
		if (json_is_string(json_array_get(names, i)))
			json_object_set(row, json_string_value(json_array_get(names, i)),
					json_array_get(values, i));
	if (json_object_size(row) > 0)
		die("'%s' holds an object, not a list of rows: it looks like a table of pandas "
		    "(%s): %s",
		    path, names_of(row),
		    command(path, JSON_SOURCE("[dict(zip(t['columns'],v)) for v in t['data']]"),
			    row_code(row)));
	json_decref(row);
}

static bool is_scalar(json_t *v)
{
	return json_is_string(v) || json_is_number(v);
}

static void refuse_one_row(const char *path, json_t *o)
{
	const char *text = find_name(o, texts), *label = find_name(o, labels);
	if (!text || !label || !is_scalar(json_object_get(o, text)) ||
	    !is_scalar(json_object_get(o, label)))
		return;
	die("'%s' holds an object, not a list of rows: it looks like one row: %s", path,
	    command(path, JSON_SOURCE("[t]"), row_code(o)));
}

void rowform_refuse_object(const char *path, json_t *v)
{
	if (!json_is_object(v))
		return;
	refuse_split(path, v);
	refuse_wrapper(path, v);
	refuse_columns(path, v, false);
	refuse_columns(path, v, true);
	refuse_one_row(path, v);
	die("'%s' holds an object, not a list of rows {instruction, output}: its keys are %s", path,
	    names_of(v));
}

/* ------------------------------------------------------------ rows */

/* "text_key: text, label_key: label": for the usual keys that the row lacks (allocated). */
static char *key_settings(json_t *row)
{
	const char *text = find_name(row, texts), *label = find_name(row, labels);
	bool needs_text = !json_object_get(row, texts[0]),
	     needs_label = !json_object_get(row, labels[0]);
	bool ask_text = needs_text && !text, ask_label = needs_label && !label;
	struct text t = {0};
	if (needs_text)
		text_add(&t, "text_key: %s", text ? text : "TEXT");
	if (needs_label)
		text_add(&t, "%slabel_key: %s", t.n ? ", " : "", label ? label : "LABEL");
	if (ask_text && ask_label)
		text_add(&t, "; for TEXT and LABEL, put your names of them");
	else if (ask_text || ask_label)
		text_add(&t, "; for %s, put your name of it", ask_text ? "TEXT" : "LABEL");
	return t.s;
}

static bool is_usual(const char *key)
{
	return strcmp(key, texts[0]) == 0 || strcmp(key, labels[0]) == 0;
}

void rowform_no_key(struct row_place at, json_t *row, const char *key)
{
	char *found = names_of(row), *where = row_place_text(at);
	const char *code = row_code(row);
	if (strcmp(code, "r") != 0)
		die("%s has no '%s', its keys are %s: of a chat, this takes the last question and "
		    "answer: %s",
		    where, key, found, command(at.path, own_source(at.path), code));
	if (at.row > 0 || json_object_size(row) < 2 || !is_usual(key))
		die("%s has no '%s': its keys are %s", where, key, found);
	die("%s has no '%s', its keys are %s: say in the config which are the text and the label: "
	    "%s",
	    where, key, found, key_settings(row));
}

void rowform_number(struct row_place at, const char *key)
{
	die("%s: '%s' is a number, not a string: give the words that the adapters were trained to "
	    "answer: label_names: [WORD0, WORD1, …] in the config",
	    row_place_text(at), key);
}

void rowform_input(struct row_place at)
{
	die("%s has a text in 'input', which is not read: put all that the adapter was trained to "
	    "read into 'instruction', or name both in the prompt; this joins both by a line break: "
	    "%s",
	    row_place_text(at),
	    command(at.path, own_source(at.path),
		    "dict(instruction=(r['instruction']+'\\n'+(r.get('input')or'')).strip(),output="
		    "r['output'])"));
}
