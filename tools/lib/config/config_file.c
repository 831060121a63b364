/* config_file.c: the YAML file: reads one section into settings.
 *
 * The file is read event by event and never as a tree. Only the values of the requested section are
 * kept. Aliases, anchors and tags are refused: an alias can make a kilobyte stand for gigabytes,
 * and no setting needs one. A file over MAX_BYTES, or nested deeper than MAX_DEPTH, is refused too.
 * Quoted and plain words are equal, but null must be plain. */
#include "config/config_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum {
	MAX_BYTES = 1 << 20, /* bytes of a file; the shipped one has 5 kB */
	MAX_DEPTH = 16,      /* file, section and list need 3; skipped sections may need more */
	MAX_SECTIONS = 1000  /* names are compared in pairs */
};

struct yaml_reader {
	const char *path;
	char *text; /* the whole file */
	size_t bytes;
	yaml_parser_t parser;
	yaml_event_t event; /* the current event */
	int depth;          /* open maps and lists */
};

static struct where here(const struct yaml_reader *r)
{
	return (struct where){r->path, (int)r->event.start_mark.line + 1};
}

static char *read_file(const char *path, size_t *bytes)
{
	FILE *f = fopen(path, "rb");
	char *text;

	if (!f)
		die("cannot open '%s': %s", path, strerror(errno));
	text = xmalloc(MAX_BYTES + 1);
	*bytes = fread(text, 1, MAX_BYTES + 1, f);
	if (ferror(f))
		die("cannot read '%s': %s", path, strerror(errno));
	fclose(f);
	if (*bytes > MAX_BYTES)
		die("'%s' is over %d bytes: no configuration", path, MAX_BYTES);
	return text;
}

_Noreturn static void fail_yaml(const struct yaml_reader *r)
{
	const yaml_parser_t *p = &r->parser;
	const char *context = p->context ? p->context : "", *comma = p->context ? ", " : "";
	int line = (int)p->problem_mark.line + 1;

	if (p->error == YAML_MEMORY_ERROR)
		die("%s: out of memory", r->path);
	if (p->error == YAML_READER_ERROR) { /* bad UTF-8 or control characters: libyaml gives the
						byte, not the line */
		line = 1;
		for (size_t i = 0; i < p->problem_offset && i < r->bytes; i++)
			line += r->text[i] == '\n';
	}
	config_fail((struct where){r->path, line}, "not YAML: %s%s%s", context, comma,
		    p->problem ? p->problem : "unknown error");
}

static bool opens(const struct yaml_reader *r)
{
	return r->event.type == YAML_MAPPING_START_EVENT ||
	       r->event.type == YAML_SEQUENCE_START_EVENT;
}

static bool closes(const struct yaml_reader *r)
{
	return r->event.type == YAML_MAPPING_END_EVENT || r->event.type == YAML_SEQUENCE_END_EVENT;
}

/* YAML that no setting needs. */
static void refuse(const struct yaml_reader *r)
{
	const yaml_event_t *e = &r->event;
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (e->type == YAML_SCALAR_EVENT)
		anchor = e->data.scalar.anchor, tag = e->data.scalar.tag;
	else if (e->type == YAML_SEQUENCE_START_EVENT)
		anchor = e->data.sequence_start.anchor, tag = e->data.sequence_start.tag;
	else if (e->type == YAML_MAPPING_START_EVENT)
		anchor = e->data.mapping_start.anchor, tag = e->data.mapping_start.tag;
	if (e->type == YAML_ALIAS_EVENT || anchor)
		config_fail(here(r),
			    "anchors (&) and aliases (*) are not read: write the value out");
	if (tag)
		config_fail(here(r), "tags (!) are not read: take it out");
	if (r->depth > MAX_DEPTH)
		config_fail(here(r), "nested deeper than %d", MAX_DEPTH);
	if (e->type == YAML_SCALAR_EVENT && memchr(e->data.scalar.value, 0, e->data.scalar.length))
		config_fail(here(r), "a text holds a zero byte");
}

static void next(struct yaml_reader *r)
{
	yaml_event_delete(&r->event);
	if (!yaml_parser_parse(&r->parser, &r->event))
		fail_yaml(r);
	r->depth += opens(r) - closes(r);
	refuse(r);
}

static const char *scalar(const struct yaml_reader *r)
{
	return (const char *)r->event.data.scalar.value;
}

/* The name of a map's key, valid until next(). */
static const char *key_name(const struct yaml_reader *r)
{
	if (r->event.type != YAML_SCALAR_EVENT)
		config_fail(here(r), "a key must be a word");
	return scalar(r);
}

static bool scalar_is_null(const struct yaml_reader *r)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};

	if (r->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return false;
	for (size_t i = 0; i < sizeof(nulls) / sizeof(*nulls); i++)
		if (strcmp(scalar(r), nulls[i]) == 0)
			return true;
	return false;
}

/* Reads a map as alternating keys and values. The current event is its start. */
static void read_map(struct yaml_reader *r, const struct config_key *k, struct value *v)
{
	v->list = v->map = true;
	for (next(r); r->event.type != YAML_MAPPING_END_EVENT; next(r)) {
		if (r->event.type != YAML_SCALAR_EVENT)
			config_fail_value(here(r), k, "a list or a map inside a map");
		if (v->n == 2 * CONFIG_MAX_ITEMS)
			config_fail(here(r), "%s: more than %d items", k->name, CONFIG_MAX_ITEMS);
		config_value_add(v, scalar(r), r->event.data.scalar.length);
	}
}

/* Reads one key's value, which begins with the current event. */
static void read_value(struct yaml_reader *r, const struct config_key *k, struct value *v)
{
	if (r->event.type == YAML_MAPPING_START_EVENT && k->type == CONFIG_NAMES) {
		read_map(r, k, v);
		return;
	}
	if (r->event.type == YAML_MAPPING_START_EVENT)
		config_fail_value(here(r), k,
				  k->type == CONFIG_TEMPLATE ? "a map: put the text between quotes"
							     : "a map");
	if (r->event.type == YAML_SCALAR_EVENT) {
		v->null = scalar_is_null(r);
		config_value_add(v, scalar(r), r->event.data.scalar.length);
		return;
	}
	v->list = true;
	for (next(r); r->event.type != YAML_SEQUENCE_END_EVENT; next(r)) {
		if (r->event.type != YAML_SCALAR_EVENT)
			config_fail_value(here(r), k, "a list inside a list");
		if (v->n == CONFIG_MAX_ITEMS)
			config_fail(here(r), "%s: more than %d items", k->name, CONFIG_MAX_ITEMS);
		config_value_add(v, scalar(r), r->event.data.scalar.length);
	}
}

/* Reads the value of key k, on line `line`, from the next event. */
static void read_key(struct yaml_reader *r, struct config *c, const struct config_key *k, int line)
{
	struct where w = {r->path, line};
	struct value v = {0};

	next(r);
	read_value(r, k, &v);
	config_set_key(c, k, &v, w);
	config_value_release(&v);
}

/* Reads the requested section. The current event is the start of its map. */
static void read_section(struct yaml_reader *r, struct config *c)
{
	int first[CONFIG_KEYS] = {0}; /* line of each key given */

	for (next(r); r->event.type != YAML_MAPPING_END_EVENT; next(r)) {
		const char *name = key_name(r);
		const struct config_key *k = config_key_find(name);
		struct where w = here(r);

		if (!k)
			config_fail_unknown(w, name);
		if (strcmp(k->name, "seed") == 0)
			config_fail(w, "seed stands at the top of the file, not in a section");
		if (first[k - config_keys])
			config_fail(w, "%s is given twice, first in line %d", k->name,
				    first[k - config_keys]);
		first[k - config_keys] = w.line;
		read_key(r, c, k, w.line);
	}
}

/* Skips another section. The current event is its start. */
static void skip_section(struct yaml_reader *r)
{
	for (int depth = r->depth; r->depth >= depth;)
		next(r);
}

/* Reads one entry of the file's map: seed, or a section, whose name is added to `sections`. */
static void read_entry(struct yaml_reader *r, struct config *c, const char *task_type,
		       struct value *sections)
{
	const char *name = key_name(r);
	struct where w = here(r);

	for (int i = 0; i < sections->n; i++)
		if (strcmp(sections->item[i], name) == 0)
			config_fail(w, "'%s' is given twice", config_shown(name).text);
	if (sections->n == MAX_SECTIONS)
		config_fail(w, "more than %d sections", MAX_SECTIONS);
	config_value_add(sections, name, strlen(name));
	if (strcmp(name, "seed") == 0) {
		read_key(r, c, config_key_find("seed"), w.line);
		return;
	}
	name = sections->item[sections->n - 1];
	next(r);
	if (r->event.type != YAML_MAPPING_START_EVENT)
		config_fail(w,
			    "'%s' is no section: expected 'seed: NUMBER' or a task type and below "
			    "it a map of keys",
			    config_shown(name).text);
	if (strcmp(name, task_type) == 0)
		read_section(r, c);
	else
		skip_section(r);
}

_Noreturn static void fail_no_section(const char *path, const char *task_type,
				      const struct value *sections)
{
	enum { LISTED = 20 };
	char *list = xstrdup(""), *longer;
	int n = 0;

	for (int i = 0; i < sections->n; i++) {
		if (strcmp(sections->item[i], "seed") == 0 || n++ >= LISTED)
			continue;
		longer = xformat("%s%s%s", list, n > 1 ? ", " : "",
				 config_shown(sections->item[i]).text);
		free(list);
		list = longer;
	}
	if (n == 0)
		die("%s: no section '%s': the file has none", path, task_type);
	if (n > LISTED)
		die("%s: no section '%s'; there are %s and %d more", path, task_type, list,
		    n - LISTED);
	die("%s: no section '%s'; there %s %s", path, task_type, n == 1 ? "is only" : "are", list);
}

/* Reads the document: a map of entries, with nothing after it. */
static void read_document(struct yaml_reader *r, struct config *c, const char *task_type)
{
	struct value sections = {0};

	next(r); /* start of the stream */
	next(r);
	if (r->event.type == YAML_DOCUMENT_START_EVENT) {
		next(r);
		if (r->event.type != YAML_MAPPING_START_EVENT)
			config_fail(here(r),
				    "expected a map: 'seed: NUMBER' and one section per task type");
		for (next(r); r->event.type != YAML_MAPPING_END_EVENT; next(r))
			read_entry(r, c, task_type, &sections);
		next(r); /* end of the document */
		next(r);
		if (r->event.type != YAML_STREAM_END_EVENT)
			config_fail(here(r), "a second document ('---'): expected one");
	}
	for (int i = 0; i < sections.n; i++)
		if (strcmp(sections.item[i], task_type) == 0 && strcmp(task_type, "seed") != 0) {
			config_value_release(&sections);
			return;
		}
	fail_no_section(r->path, task_type, &sections);
}

void config_load(struct config *c, const char *path, const char *task_type)
{
	struct yaml_reader r = {.path = path};

	if (!config_plain_name(task_type))
		die("task type '%s' cannot name a folder: letters, digits, '.', '_' and '-', no "
		    "dot in front",
		    config_shown(task_type).text);
	config_set_defaults(c);
	c->path = xstrdup(path);
	r.text = read_file(path, &r.bytes);
	if (!yaml_parser_initialize(&r.parser))
		die("%s: out of memory", path);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)r.text, r.bytes);
	read_document(&r, c, task_type);
	yaml_event_delete(&r.event);
	yaml_parser_delete(&r.parser);
	free(r.text);
}
