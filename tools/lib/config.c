/* config.c: the settings of one task type, from a YAML file's section and KEY=value overrides.
 *
 * One table says all there is to say of a key; reading, checking, printing and the help go through it. Defaults are
 * texts in that table and are read by the same code as a user's values, so a default cannot be out of its own range.
 * The file is read event by event and never as a tree: nothing is kept but the values of the one section asked for.
 * Aliases, anchors and tags are refused (an alias can make a kilobyte stand for gigabytes, and no setting needs one), and
 * so is a file over MAX_BYTES or nested deeper than MAX_DEPTH. Quoted and plain words read alike, only null has to be plain.
 * It does not look at adapters or models: whether lora_alpha and rank contradict them is for who opens them. */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "die.h"

enum {
	MAX_BYTES = 1 << 20,  /* of a file; the shipped one has 5 kB */
	MAX_DEPTH = 16,       /* file, section, list: 3 are used; the rest is for sections that are skipped */
	MAX_SECTIONS = 1000,  /* names are compared pairwise */
	MAX_ITEMS = 1024,     /* of a list */
	MAX_STRING = 4096,    /* bytes of a string: PATH_MAX */
	MAX_NAME = 100        /* bytes of a task's name: NAME_MAX is 255, and files add prefixes and endings */
};

static const char *const method_names[] = {"sweep", "jacobi", "regmean", "average", "task-arithmetic", "ties", "dare"};
static const char *const features_names[] = {"tokens", "reference"};
enum {
	METHODS = sizeof(method_names) / sizeof(*method_names),
	FEATURES = sizeof(features_names) / sizeof(*features_names)
};

#define NAME_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
#define AT(field) offsetof(struct config, field), 0
#define LIST(field) offsetof(struct config, field), offsetof(struct config, field##_n)
#define PER_ADAPTER "as each adapter_config.json says"

const struct config_key config_keys[] = {
	/* name, type, where, min, max, default, none, help */
	{"seed", CONFIG_LONG, AT(seed), 0, 4294967295.0, "42", NULL,
	 "seed of everything random; stands at the top of the file, before the sections"},
	{"model_name", CONFIG_STRING, AT(model_name), 0, 0, NULL, NULL,
	 "name of the base model, as the merged adapter_config.json is to give it"},
	{"task_targets", CONFIG_TASKS, AT(task_targets), 0, 0, NULL, NULL, "the tasks to merge, in this order"},
	{"lora_alpha", CONFIG_NUMBERS, LIST(lora_alpha), 0, 1e9, NULL, PER_ADAPTER,
	 "the adapters' lora_alpha; one that contradicts an adapter_config.json is an error"},
	{"rank", CONFIG_INT, AT(rank), 0, 65536, "0", PER_ADAPTER,
	 "the adapters' rank (0: " PER_ADAPTER "); one that contradicts an adapter_config.json is an error"},
	{"manual_ceof", CONFIG_NUMBERS, LIST(manual_ceof), 0, 1e9, "1", NULL, "weight of each task's error in the fit"},
	{"max_length", CONFIG_INT, AT(max_length), 1, 8192, "100", NULL, "tokens kept of a text, the final </s> among them"},
	{"alpha_1", CONFIG_FLOAT, AT(alpha_1), 0, 1e6, "8e-5", NULL, "ridge on X'Xm, as a share of its Frobenius norm"},
	{"alpha_2", CONFIG_FLOAT, AT(alpha_2), 0, 1e6, "8e-5", NULL, "ridge on Xm'Xm, as a share of its Frobenius norm"},
	{"reg_ceof", CONFIG_FLOAT, AT(reg_ceof), 0, 1, "0", NULL, "share of X mixed into Xm: 0 none, 1 Xm = X"},
	{"samples_num", CONFIG_INT, AT(samples_num), 1, 1000000, "60", NULL, "calibration samples per task"},
	{"inner_num", CONFIG_INT, AT(inner_num), 1, 1000000, "3", NULL, "samples in one forward batch"},
	{"outer_num", CONFIG_INT, AT(outer_num), 1, 1000000, "20", NULL,
	 "forward batches; inner_num x outer_num = samples_num when if_divide"},
	{"select_long", CONFIG_SWITCH, AT(select_long), 0, 0, "1", NULL, "draw samples among the longest texts"},
	{"if_balance", CONFIG_BOOL, AT(if_balance), 0, 0, "True", NULL, "draw equal numbers of samples per label"},
	{"if_divide", CONFIG_BOOL, AT(if_divide), 0, 0, "True", NULL,
	 "run the samples in outer_num batches of inner_num; False: all in one"},
	{"shuffle", CONFIG_BOOL, AT(shuffle), 0, 0, "True", NULL, "shuffle the training rows before drawing"},
	{"with_pretrain_matrix", CONFIG_BOOL, AT(with_pretrain_matrix), 0, 0, "0", NULL,
	 "fit the whole weight W0 + dW rather than dW; the result is a full model"},
	{"max_iter", CONFIG_INT, AT(max_iter), 1, 1000, "24", NULL, "most iterations (method jacobi)"},
	{"convergence_threshold", CONFIG_FLOAT, AT(convergence_threshold), 0, 1, "1e-5", NULL,
	 "stop when the relative change of an iteration is below this (method jacobi)"},
	{"per_device_eval_batch_size", CONFIG_INT, AT(per_device_eval_batch_size), 1, 65536, "8", NULL,
	 "rows per batch in the evaluation"},
	{"save", CONFIG_BOOL, AT(save), 0, 0, "0", NULL, "write the merged full model beside the adapter"},
	{"use_mats", CONFIG_BOOL, AT(use_mats), 0, 0, "True", NULL, "Anderson acceleration of the iteration (method jacobi)"},
	{"mats_history_size", CONFIG_INT, AT(mats_history_size), 1, 64, "3", NULL, "differences that MATS looks back on"},
	{"mats_regularization", CONFIG_FLOAT, AT(mats_regularization), 0, 1e6, "1e-5", NULL,
	 "ridge of the MATS least-squares problem"},
	{"use_camr", CONFIG_BOOL, AT(use_camr), 0, 0, "False", NULL, "ridge by coordinate (CAMR) instead of alpha_2's"},
	{"camr_alpha", CONFIG_FLOAT, AT(camr_alpha), 0, 1e6, "8e-5", NULL, "CAMR: the part that varies by coordinate"},
	{"camr_beta", CONFIG_FLOAT, AT(camr_beta), 0, 1e6, "1e-6", NULL, "CAMR: the part that is the same for all"},
	{"use_dcs", CONFIG_BOOL, AT(use_dcs), 0, 0, "False", NULL,
	 "weigh rows by how much the adapters disagree on them (DCS)"},
	{"dcs_sigma", CONFIG_FLOAT, AT(dcs_sigma), 0, 1e6, "0.5", NULL, "DCS: how steeply disagreement lowers a row's weight"},
	{"use_fp16", CONFIG_BOOL, AT(use_fp16), 0, 0, "False", NULL,
	 "16-bit rows on disk, and 16-bit products where the hardware has them"},
	{"use_gradient_checkpointing", CONFIG_BOOL, AT(use_gradient_checkpointing), 0, 0, "True", NULL,
	 "keep only the rows at block boundaries and recompute what lies between"},
	{"sequential_layer_processing", CONFIG_BOOL, AT(sequential_layer_processing), 0, 0, "True", NULL,
	 "one site at a time"},
	{"method", CONFIG_METHOD, AT(method), 0, 0, "sweep", NULL, "how to merge"},
	{"features", CONFIG_FEATURES, AT(features), 0, 0, NULL, "reference for method jacobi, tokens otherwise",
	 "which rows count: real tokens only, or pads and last decode steps as published"},
	{"max_new_tokens", CONFIG_INT, AT(max_new_tokens), 1, 512, "3", NULL, "tokens generated per row at most"},
	{"scale", CONFIG_FLOAT, AT(scale), 0, 100, "0", "the best on the calibration rows",
	 "factor of the merged change (methods task-arithmetic, ties, dare); 0: the best of 0.1, 0.2 … 1 on the calibration rows"},
	{"density", CONFIG_FLOAT, AT(density), 1e-6, 1, "0.2", NULL, "share of each change's entries that is kept (methods ties, dare)"},
	{"merge_rank", CONFIG_INT, AT(merge_rank), 0, 65536, "0", "the adapters' ranks together",
	 "rank that the result is cut to (methods ties, dare; 0: the adapters' ranks together)"},
	{"model_dir", CONFIG_STRING, AT(model_dir), 0, 0, NULL, "MODEL= on the command line", "folder of the base model"},
	{"lora_dir", CONFIG_STRING, AT(lora_dir), 0, 0, NULL, "LORAS= on the command line",
	 "folder of the adapters, one folder per task"},
	{"data_dir", CONFIG_STRING, AT(data_dir), 0, 0, NULL, "DATA= on the command line",
	 "folder of the data, one folder per task"},
	{"max_memory", CONFIG_BYTES, AT(max_memory), 0, 0, "0", "no limit",
	 "memory that a process may plan for, e.g. 256M (0: no limit)"},
};
enum { KEYS = sizeof(config_keys) / sizeof(*config_keys) };
const int config_nkeys = KEYS;
_Static_assert((int)KEYS <= (int)CONFIG_MAX_KEYS, "struct config has too few line[]");

/* Where a value stands, for messages: a line of a file, or the command line (path NULL). */
struct where {
	const char *path;
	int line;
};

/* A value as text: a scalar (one item) or a list. */
struct value {
	bool list, null;
	int n;
	char **item; /* (n) */
};

/* ---- messages ---- */

_Noreturn static void fail(struct where w, const char *fmt, ...) PRINTF_LIKE(2, 3);
_Noreturn static void fail(struct where w, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (w.path)
		die("%s:%d: %s", w.path, w.line, text);
	die_usage("command line: %s", text);
}

struct shown {
	char text[64];
};

/* A text from outside as a message may hold it: short, and nothing that a terminal would obey. */
static struct shown shown(const char *s)
{
	struct shown r;
	size_t n = strlen(s), max = sizeof(r.text) - 1, keep = n <= max ? n : max - 3;

	while (keep < n && keep > 0 && ((unsigned char)s[keep] & 0xc0) == 0x80)
		keep--; /* no half of a UTF-8 character */
	for (size_t i = 0; i < keep; i++)
		r.text[i] = iscntrl((unsigned char)s[i]) ? '?' : s[i];
	strcpy(r.text + keep, keep < n ? "..." : "");
	return r;
}

_Noreturn static void fail_value(struct where w, const struct config_key *k, const char *found)
{
	char *values = config_key_values(k);

	fail(w, "%s: expected %s, found %s", k->name, values, found);
}

_Noreturn static void fail_text(struct where w, const struct config_key *k, const char *text)
{
	char found[80];

	snprintf(found, sizeof(found), "'%s'", shown(text).text);
	fail_value(w, k, text[0] ? found : "nothing");
}

/* ---- the table ---- */

static void *field(struct config *c, size_t offset)
{
	return (char *)c + offset;
}

static const void *field_const(const struct config *c, size_t offset)
{
	return (const char *)c + offset;
}

static const struct config_key *key_find(const char *name)
{
	for (int i = 0; i < KEYS; i++)
		if (strcmp(config_keys[i].name, name) == 0)
			return &config_keys[i];
	return NULL;
}

static int *key_line(struct config *c, const struct config_key *k)
{
	return &c->line[k - config_keys];
}

/* Keys in small letters: capitals are how the command line writes them. */
static void lower(char *dst, size_t size, const char *s)
{
	size_t n = 0;

	for (; s[n] && n + 1 < size; n++)
		dst[n] = (char)tolower((unsigned char)s[n]);
	dst[n] = 0;
}

_Noreturn static void fail_unknown(struct where w, const char *name)
{
	const char *words[KEYS], *near;
	char small[64];

	for (int i = 0; i < KEYS; i++)
		words[i] = config_keys[i].name;
	lower(small, sizeof(small), name);
	near = nearest_word(small, words, KEYS);
	if (near)
		fail(w, "unknown key '%s'; did you mean '%s'?", shown(name).text, near);
	fail(w, "unknown key '%s'", shown(name).text);
}

static char *joined(const char *const *names, int n)
{
	char *all = xstrdup(names[0]), *longer;

	for (int i = 1; i < n; i++, all = longer) {
		longer = xformat("%s%s%s", all, i + 1 < n ? ", " : " or ", names[i]);
		free(all);
	}
	return all;
}

char *config_key_values(const struct config_key *k)
{
	switch (k->type) {
	case CONFIG_BOOL: return xstrdup("True or False");
	case CONFIG_SWITCH: return xstrdup("True, False or a number (0: False)");
	case CONFIG_INT:
	case CONFIG_LONG: return xformat("an integer from %.0f to %.0f", k->min, k->max);
	case CONFIG_FLOAT: return xformat("a number from %g to %g", k->min, k->max);
	case CONFIG_BYTES: return xstrdup("a size such as 300000000, 256M or 1.5G");
	case CONFIG_STRING: return xstrdup("a text");
	case CONFIG_METHOD: return joined(method_names, METHODS);
	case CONFIG_FEATURES: return joined(features_names, FEATURES);
	case CONFIG_NUMBERS: return xformat("numbers from %g to %g, one per task or one for all", k->min, k->max);
	case CONFIG_TASKS: return xstrdup("a list of task names");
	}
	BUG("key type %d", (int)k->type);
}

const char *method_name(enum method m)
{
	BUG_IF((int)m < 0 || (int)m >= METHODS);
	return method_names[m];
}

const char *features_name(enum features f)
{
	BUG_IF((int)f < 0 || (int)f >= FEATURES);
	return features_names[f];
}

bool config_plain_name(const char *s)
{
	size_t n = strspn(s, NAME_LETTERS);

	return n > 0 && n <= MAX_NAME && s[n] == 0 && s[0] != '.';
}

/* ---- values as text ---- */

static void value_add(struct value *v, const char *text, size_t bytes)
{
	v->item = xrealloc(v->item, (size_t)(v->n + 1) * sizeof(*v->item));
	v->item[v->n] = xcalloc(bytes + 1, 1);
	memcpy(v->item[v->n++], text, bytes);
}

static void value_release(struct value *v)
{
	for (int i = 0; i < v->n; i++)
		free(v->item[i]);
	free(v->item);
	*v = (struct value){0};
}

/* Takes the blanks off both ends of the *n bytes at s. */
static const char *trimmed(const char *s, size_t *n)
{
	while (*n && isspace((unsigned char)s[0]))
		s++, (*n)--;
	while (*n && isspace((unsigned char)s[*n - 1]))
		(*n)--;
	return s;
}

/* A scalar where a list is wanted: "a,b", "[a, b]", "['a', 'b']"; one word without comma or brackets stays a scalar. */
static void value_split(struct value *v, const struct config_key *k, struct where w)
{
	struct value list = {.list = true};
	size_t n = strlen(v->item[0]), part;
	const char *s = trimmed(v->item[0], &n), *t;
	bool brackets = n >= 2 && s[0] == '[' && s[n - 1] == ']';

	if (!brackets && !memchr(s, ',', n))
		return;
	if (brackets)
		s++, n -= 2;
	for (const char *end = s + n; s <= end; s += part + 1) {
		size_t m = part = strcspn(s, ",") < (size_t)(end - s) ? strcspn(s, ",") : (size_t)(end - s);

		t = trimmed(s, &m);
		if (m >= 2 && (t[0] == '\'' || t[0] == '"') && t[m - 1] == t[0])
			t++, m -= 2;
		if (list.n == MAX_ITEMS)
			fail(w, "%s: more than %d items", k->name, MAX_ITEMS);
		value_add(&list, t, m);
	}
	value_release(v);
	*v = list;
}

/* ---- text to settings ---- */

static double to_number(const struct config_key *k, const char *text, struct where w)
{
	double d;

	if (!text_to_double(text, &d) || !isfinite(d) || d < k->min || d > k->max)
		fail_text(w, k, text);
	d += 0.0; /* -0 becomes 0, which is the same setting and must print the same */
	return d;
}

static long to_long(const struct config_key *k, const char *text, struct where w)
{
	long n;

	if (!text_to_long(text, &n) || (double)n < k->min || (double)n > k->max)
		fail_text(w, k, text);
	return n;
}

static bool to_bool(const struct config_key *k, const char *text, struct where w)
{
	bool b;
	double d;

	if (text_to_bool(text, &b))
		return b;
	/* The seed writes select_long as an integer and only asks whether it is zero: any other number is True. */
	if (k->type == CONFIG_SWITCH && text_to_double(text, &d) && isfinite(d))
		return d != 0;
	fail_text(w, k, text);
}

static int to_word(const struct config_key *k, const char *text, const char *const *names, int n, struct where w)
{
	for (int i = 0; i < n; i++)
		if (strcmp(names[i], text) == 0)
			return i;
	fail_text(w, k, text);
}

/* Each first byte announces its length, and the bytes that follow are of the form 10xxxxxx; that much JSON insists on. (Of
 * overlong forms only the two-byte ones are refused: nothing here decodes.) */
static bool is_utf8(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	while (*s) {
		int more = *s < 0x80 ? 0 : *s < 0xe0 ? 1 : *s < 0xf0 ? 2 : 3;

		if ((*s >= 0x80 && *s < 0xc2) || *s > 0xf4)
			return false;
		for (s++; more > 0; more--, s++)
			if ((*s & 0xc0) != 0x80)
				return false;
	}
	return true;
}

/* A text that can stand in a line of a file and in a JSON string: UTF-8, no control characters. */
static char *to_string(const struct config_key *k, const char *text, struct where w)
{
	size_t n = strlen(text);

	if (n == 0)
		fail_text(w, k, text);
	if (n > MAX_STRING)
		fail(w, "%s: longer than %d bytes", k->name, MAX_STRING);
	if (!is_utf8(text))
		fail(w, "%s: not UTF-8: '%s'", k->name, shown(text).text);
	for (size_t i = 0; i < n; i++)
		if (iscntrl((unsigned char)text[i]))
			fail(w, "%s: holds a control character: '%s'", k->name, shown(text).text);
	return xstrdup(text);
}

static void set_tasks(struct strlist *tasks, const struct config_key *k, const struct value *v, struct where w)
{
	strlist_release(tasks);
	*tasks = (struct strlist){.n = 0, .item = xarray((size_t)v->n, sizeof(*tasks->item))};
	for (int i = 0; i < v->n; i++) {
		const char *name = v->item[i];

		if (!config_plain_name(name))
			fail(w, "%s: '%s' cannot name a folder: letters, digits, '.', '_' and '-', no dot in front, at most %d",
			     k->name, shown(name).text, MAX_NAME);
		if (strlist_find(tasks, name) >= 0)
			fail(w, "%s: '%s' is there twice", k->name, name);
		tasks->item[tasks->n++] = xstrdup(name);
	}
}

static void set_numbers(struct config *c, const struct config_key *k, const struct value *v, struct where w)
{
	double **numbers = field(c, k->offset);

	free(*numbers);
	*numbers = xarray((size_t)v->n, sizeof(**numbers));
	for (int i = 0; i < v->n; i++)
		(*numbers)[i] = to_number(k, v->item[i], w);
	*(int *)field(c, k->count) = v->list ? v->n : 0;
}

static void set_scalar(struct config *c, const struct config_key *k, const char *text, struct where w)
{
	void *p = field(c, k->offset);

	switch (k->type) {
	case CONFIG_BOOL:
	case CONFIG_SWITCH: *(bool *)p = to_bool(k, text, w); break;
	case CONFIG_INT: *(int *)p = (int)to_long(k, text, w); break;
	case CONFIG_LONG: *(long *)p = to_long(k, text, w); break;
	case CONFIG_FLOAT: *(double *)p = to_number(k, text, w); break;
	case CONFIG_BYTES:
		if (!text_to_bytes(text, p))
			fail_text(w, k, text);
		break;
	case CONFIG_STRING: {
		char *s = to_string(k, text, w);

		free(*(char **)p);
		*(char **)p = s;
		break;
	}
	case CONFIG_METHOD: *(enum method *)p = (enum method)to_word(k, text, method_names, METHODS, w); break;
	case CONFIG_FEATURES: *(enum features *)p = (enum features)to_word(k, text, features_names, FEATURES, w); break;
	case CONFIG_NUMBERS:
	case CONFIG_TASKS: BUG("%s is a list", k->name);
	}
}

/* Nothing given: the default, or what stands for "none". */
static void set_none(struct config *c, const struct config_key *k)
{
	if (k->type == CONFIG_STRING) {
		free(*(char **)field(c, k->offset));
		*(char **)field(c, k->offset) = NULL;
	} else if (k->type == CONFIG_NUMBERS) {
		free(*(double **)field(c, k->offset));
		*(double **)field(c, k->offset) = NULL;
		*(int *)field(c, k->count) = 0;
	} else if (k->dflt) {
		set_scalar(c, k, k->dflt, (struct where){"the default", 0});
	}
	*key_line(c, k) = 0;
}

static void set_key(struct config *c, const struct config_key *k, struct value *v, struct where w)
{
	bool wants_list = k->type == CONFIG_NUMBERS || k->type == CONFIG_TASKS;

	if (v->null && k->none) {
		set_none(c, k);
		return;
	}
	if (v->null || (v->list && v->n == 0))
		fail_value(w, k, v->null ? "nothing" : "an empty list");
	if (v->list && !wants_list)
		fail_value(w, k, "a list");
	if (wants_list && !v->list)
		value_split(v, k, w);
	if (k->type == CONFIG_TASKS)
		set_tasks(field(c, k->offset), k, v, w);
	else if (k->type == CONFIG_NUMBERS)
		set_numbers(c, k, v, w);
	else
		set_scalar(c, k, v->item[0], w);
	*key_line(c, k) = w.path ? w.line : -1;
}

static void set_defaults(struct config *c)
{
	*c = (struct config){0};
	for (int i = 0; i < KEYS; i++) {
		const struct config_key *k = &config_keys[i];
		struct value v = {0};

		if (!k->dflt)
			continue;
		value_add(&v, k->dflt, strlen(k->dflt));
		set_key(c, k, &v, (struct where){"the default", 0});
		value_release(&v);
	}
}

/* ---- the file ---- */

struct reader {
	const char *path;
	char *text; /* the whole file */
	size_t bytes;
	yaml_parser_t parser;
	yaml_event_t event; /* the present one */
	int depth;          /* maps and lists that are open */
};

static struct where here(const struct reader *r)
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

_Noreturn static void fail_yaml(const struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	const char *context = p->context ? p->context : "", *comma = p->context ? ", " : "";
	int line = (int)p->problem_mark.line + 1;

	if (p->error == YAML_MEMORY_ERROR)
		die("%s: out of memory", r->path);
	if (p->error == YAML_READER_ERROR) { /* bad UTF-8, control characters: it gives the byte, not the line */
		line = 1;
		for (size_t i = 0; i < p->problem_offset && i < r->bytes; i++)
			line += r->text[i] == '\n';
	}
	fail((struct where){r->path, line}, "not YAML: %s%s%s", context, comma, p->problem ? p->problem : "unknown error");
}

static bool opens(const struct reader *r)
{
	return r->event.type == YAML_MAPPING_START_EVENT || r->event.type == YAML_SEQUENCE_START_EVENT;
}

static bool closes(const struct reader *r)
{
	return r->event.type == YAML_MAPPING_END_EVENT || r->event.type == YAML_SEQUENCE_END_EVENT;
}

/* The YAML that no setting needs. */
static void refuse(const struct reader *r)
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
		fail(here(r), "anchors (&) and aliases (*) are not read: write the value out");
	if (tag)
		fail(here(r), "tags (!) are not read: take it out");
	if (r->depth > MAX_DEPTH)
		fail(here(r), "nested deeper than %d", MAX_DEPTH);
	if (e->type == YAML_SCALAR_EVENT && memchr(e->data.scalar.value, 0, e->data.scalar.length))
		fail(here(r), "a text holds a zero byte");
}

static void next(struct reader *r)
{
	yaml_event_delete(&r->event);
	if (!yaml_parser_parse(&r->parser, &r->event))
		fail_yaml(r);
	r->depth += opens(r) - closes(r);
	refuse(r);
}

static const char *scalar(const struct reader *r)
{
	return (const char *)r->event.data.scalar.value;
}

/* A key of a map: the name, valid until next(). */
static const char *key_name(const struct reader *r)
{
	if (r->event.type != YAML_SCALAR_EVENT)
		fail(here(r), "a key must be a word");
	return scalar(r);
}

static bool scalar_is_null(const struct reader *r)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};

	if (r->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return false;
	for (size_t i = 0; i < sizeof(nulls) / sizeof(*nulls); i++)
		if (strcmp(scalar(r), nulls[i]) == 0)
			return true;
	return false;
}

/* Reads one key's value; the present event is its first. */
static void read_value(struct reader *r, const struct config_key *k, struct value *v)
{
	if (r->event.type == YAML_MAPPING_START_EVENT)
		fail_value(here(r), k, "a map");
	if (r->event.type == YAML_SCALAR_EVENT) {
		v->null = scalar_is_null(r);
		value_add(v, scalar(r), r->event.data.scalar.length);
		return;
	}
	v->list = true;
	for (next(r); r->event.type != YAML_SEQUENCE_END_EVENT; next(r)) {
		if (r->event.type != YAML_SCALAR_EVENT)
			fail_value(here(r), k, "a list inside a list");
		if (v->n == MAX_ITEMS)
			fail(here(r), "%s: more than %d items", k->name, MAX_ITEMS);
		value_add(v, scalar(r), r->event.data.scalar.length);
	}
}

/* The value of key k, which stands at line `line` and whose value is the next event. */
static void read_key(struct reader *r, struct config *c, const struct config_key *k, int line)
{
	struct where w = {r->path, line};
	struct value v = {0};

	next(r);
	read_value(r, k, &v);
	set_key(c, k, &v, w);
	value_release(&v);
}

/* The section asked for; the present event is the start of its map. */
static void read_section(struct reader *r, struct config *c)
{
	int first[KEYS] = {0}; /* line of each key given */

	for (next(r); r->event.type != YAML_MAPPING_END_EVENT; next(r)) {
		const char *name = key_name(r);
		const struct config_key *k = key_find(name);
		struct where w = here(r);

		if (!k)
			fail_unknown(w, name);
		if (strcmp(k->name, "seed") == 0)
			fail(w, "seed stands at the top of the file, not in a section");
		if (first[k - config_keys])
			fail(w, "%s is given twice, first in line %d", k->name, first[k - config_keys]);
		first[k - config_keys] = w.line;
		read_key(r, c, k, w.line);
	}
}

/* Passes over a section that is not asked for; the present event is its start. */
static void skip_section(struct reader *r)
{
	for (int depth = r->depth; r->depth >= depth; )
		next(r);
}

/* One entry of the file's map: seed or a section, whose name goes to `sections`. */
static void read_entry(struct reader *r, struct config *c, const char *task_type, struct value *sections)
{
	const char *name = key_name(r);
	struct where w = here(r);

	for (int i = 0; i < sections->n; i++)
		if (strcmp(sections->item[i], name) == 0)
			fail(w, "'%s' is given twice", shown(name).text);
	if (sections->n == MAX_SECTIONS)
		fail(w, "more than %d sections", MAX_SECTIONS);
	value_add(sections, name, strlen(name));
	if (strcmp(name, "seed") == 0) {
		read_key(r, c, key_find("seed"), w.line);
		return;
	}
	name = sections->item[sections->n - 1];
	next(r);
	if (r->event.type != YAML_MAPPING_START_EVENT)
		fail(w, "'%s' is no section: expected 'seed: NUMBER' or a task type and below it a map of keys",
		     shown(name).text);
	if (strcmp(name, task_type) == 0)
		read_section(r, c);
	else
		skip_section(r);
}

_Noreturn static void fail_no_section(const char *path, const char *task_type, const struct value *sections)
{
	enum { LISTED = 20 };
	char *list = xstrdup(""), *longer;
	int n = 0;

	for (int i = 0; i < sections->n; i++) {
		if (strcmp(sections->item[i], "seed") == 0 || n++ >= LISTED)
			continue;
		longer = xformat("%s%s%s", list, n > 1 ? ", " : "", shown(sections->item[i]).text);
		free(list);
		list = longer;
	}
	if (n == 0)
		die("%s: no section '%s': the file has none", path, task_type);
	if (n > LISTED)
		die("%s: no section '%s'; there are %s and %d more", path, task_type, list, n - LISTED);
	die("%s: no section '%s'; there %s %s", path, task_type, n == 1 ? "is only" : "are", list);
}

/* The document: a map of entries and nothing after it. */
static void read_document(struct reader *r, struct config *c, const char *task_type)
{
	struct value sections = {0};

	next(r); /* the stream's start */
	next(r);
	if (r->event.type == YAML_DOCUMENT_START_EVENT) {
		next(r);
		if (r->event.type != YAML_MAPPING_START_EVENT)
			fail(here(r), "expected a map: 'seed: NUMBER' and one section per task type");
		for (next(r); r->event.type != YAML_MAPPING_END_EVENT; next(r))
			read_entry(r, c, task_type, &sections);
		next(r); /* the document's end */
		next(r);
		if (r->event.type != YAML_STREAM_END_EVENT)
			fail(here(r), "a second document ('---'): expected one");
	}
	for (int i = 0; i < sections.n; i++)
		if (strcmp(sections.item[i], task_type) == 0 && strcmp(task_type, "seed") != 0) {
			value_release(&sections);
			return;
		}
	fail_no_section(r->path, task_type, &sections);
}

void config_load(struct config *c, const char *path, const char *task_type)
{
	struct reader r = {.path = path};

	if (!config_plain_name(task_type))
		die("task type '%s' cannot name a folder: letters, digits, '.', '_' and '-', no dot in front",
		    shown(task_type).text);
	set_defaults(c);
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

void config_override(struct config *c, const char *assignment)
{
	const struct where w = {NULL, 0};
	const char *equals = strchr(assignment, '=');
	char name[64], *raw;
	struct value v = {0};
	const struct config_key *k;
	size_t n;

	if (!equals)
		fail(w, "expected KEY=value, found '%s'", shown(assignment).text);
	raw = xcalloc((size_t)(equals - assignment) + 1, 1);
	memcpy(raw, assignment, (size_t)(equals - assignment));
	lower(name, sizeof(name), raw);
	k = key_find(name);
	if (!k)
		fail_unknown(w, raw);
	n = strlen(equals + 1);
	equals = trimmed(equals + 1, &n);
	value_add(&v, equals, n);
	v.null = n == 0 || strcmp(v.item[0], "null") == 0 || strcmp(v.item[0], "~") == 0;
	set_key(c, k, &v, w);
	value_release(&v);
	free(raw);
}

/* ---- relations between keys ---- */

/* Keys that contradict each other: the user's last word among them is to blame, the command line before the file. */
static struct where blame(struct config *c, const char *const *keys)
{
	int last = 0;

	for (int i = 0; keys[i]; i++) {
		int line = *key_line(c, key_find(keys[i]));

		if (line < 0)
			return (struct where){NULL, 0};
		last = line > last ? line : last;
	}
	return (struct where){c->path, last};
}

static void check_required(struct config *c)
{
	if (!c->model_name)
		die("%s: the section has no model_name, and none was given (MODEL_NAME=)", c->path);
	if (!c->task_targets.n)
		die("%s: the section has no task_targets, and none were given (TASK_TARGETS=a,b)", c->path);
}

/* One number counts for all tasks; a list must have one per task. */
static void check_numbers(struct config *c, const char *key)
{
	const struct config_key *k = key_find(key);
	double **numbers = field(c, k->offset);
	int *n = field(c, k->count), N = c->task_targets.n;
	const char *keys[] = {key, "task_targets", NULL};

	if (!*numbers)
		return;
	if (*n && *n != N)
		fail(blame(c, keys), "%s has %d value%s and task_targets %d task%s (one number without brackets counts for all)",
		     k->name, *n, *n == 1 ? "" : "s", N, N == 1 ? "" : "s");
	if (*n)
		return;
	*numbers = xrealloc(*numbers, (size_t)N * sizeof(**numbers));
	for (int i = 1; i < N; i++)
		(*numbers)[i] = (*numbers)[0];
	*n = N;
}

static void check_weights(struct config *c)
{
	const char *keys[] = {"manual_ceof", NULL};

	for (int i = 0; i < c->manual_ceof_n; i++)
		if (c->manual_ceof[i] > 0)
			return;
	fail(blame(c, keys), "manual_ceof is 0 for every task: nothing would be fitted");
}

static void check_batches(struct config *c)
{
	const char *keys[] = {"samples_num", "inner_num", "outer_num", "if_divide", NULL};

	if (!c->if_divide || (long)c->inner_num * c->outer_num == c->samples_num)
		return;
	fail(blame(c, keys), "inner_num x outer_num must be samples_num when if_divide: %d x %d is not %d", c->inner_num,
	     c->outer_num, c->samples_num);
}

void config_check(struct config *c)
{
	check_required(c);
	check_numbers(c, "lora_alpha");
	check_numbers(c, "manual_ceof");
	check_weights(c);
	check_batches(c);
	if (!*key_line(c, key_find("features")))
		c->features = c->method == JACOBI ? REFERENCE : TOKENS;
}

void config_release(struct config *c)
{
	for (int i = 0; i < KEYS; i++) {
		const struct config_key *k = &config_keys[i];

		if (k->type == CONFIG_STRING)
			free(*(char **)field(c, k->offset));
		else if (k->type == CONFIG_NUMBERS)
			free(*(double **)field(c, k->offset));
	}
	strlist_release(&c->task_targets);
	free(c->path);
	*c = (struct config){0};
}

/* ---- settings to text ---- */

/* The fewest digits that read back as the same number: 15 always stand, 17 always do. */
static void put_number(FILE *out, double d)
{
	char text[32];

	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, d);
		if (strtod(text, NULL) == d)
			break;
	}
	fputs(text, out);
}

/* No YAML reader takes it for a number, a boolean or null. */
static bool string_is_plain(const char *s)
{
	bool b;

	return (isalpha((unsigned char)s[0]) || s[0] == '/') && s[strspn(s, NAME_LETTERS "/")] == 0 &&
	       strcasecmp(s, "null") != 0 && !text_to_bool(s, &b);
}

static void put_string(FILE *out, const char *s, bool yaml)
{
	if (!yaml || string_is_plain(s)) {
		fputs(s, out);
		return;
	}
	putc('"', out);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			putc('\\', out);
		putc(*s, out);
	}
	putc('"', out);
}

static void put_list(FILE *out, const struct config *c, const struct config_key *k, bool yaml)
{
	const double *const *numbers = field_const(c, k->offset);
	bool tasks = k->type == CONFIG_TASKS, one = !tasks && *(const int *)field_const(c, k->count) == 0;
	int n = tasks ? c->task_targets.n : one ? 1 : *(const int *)field_const(c, k->count);

	if (yaml && !one)
		putc('[', out);
	for (int i = 0; i < n; i++) {
		if (i)
			fputs(yaml ? ", " : ",", out);
		if (tasks)
			put_string(out, c->task_targets.item[i], yaml);
		else
			put_number(out, (*numbers)[i]);
	}
	if (yaml && !one)
		putc(']', out);
}

static void put_value(FILE *out, const struct config *c, const struct config_key *k, bool yaml)
{
	const void *p = field_const(c, k->offset);

	switch (k->type) {
	case CONFIG_BOOL:
	case CONFIG_SWITCH: fputs(yaml ? (*(const bool *)p ? "True" : "False") : (*(const bool *)p ? "1" : "0"), out); break;
	case CONFIG_INT: fprintf(out, "%d", *(const int *)p); break;
	case CONFIG_LONG: fprintf(out, "%ld", *(const long *)p); break;
	case CONFIG_FLOAT: put_number(out, *(const double *)p); break;
	case CONFIG_BYTES: fprintf(out, "%zu", *(const size_t *)p); break;
	case CONFIG_STRING: put_string(out, *(const char *const *)p, yaml); break;
	case CONFIG_METHOD: fputs(method_name(*(const enum method *)p), out); break;
	case CONFIG_FEATURES: fputs(features_name(*(const enum features *)p), out); break;
	case CONFIG_NUMBERS:
	case CONFIG_TASKS: put_list(out, c, k, yaml); break;
	}
}

static bool key_given(const struct config *c, const struct config_key *k)
{
	switch (k->type) {
	case CONFIG_STRING: return *(const char *const *)field_const(c, k->offset) != NULL;
	case CONFIG_NUMBERS: return *(const double *const *)field_const(c, k->offset) != NULL;
	case CONFIG_TASKS: return c->task_targets.n > 0;
	default: return true;
	}
}

static FILE *text_open(char **text, size_t *bytes)
{
	FILE *f = open_memstream(text, bytes);

	if (!f)
		die("out of memory");
	return f;
}

static void text_close(FILE *f)
{
	bool bad = ferror(f);

	if (fclose(f) || bad)
		die("out of memory");
}

char *config_text(const struct config *c)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = text_open(&text, &bytes);

	for (int i = 0; i < KEYS; i++) {
		fprintf(out, "%s: ", config_keys[i].name);
		if (key_given(c, &config_keys[i]))
			put_value(out, c, &config_keys[i], true);
		else
			fputs("null", out);
		putc('\n', out);
	}
	text_close(out);
	return text;
}

char *config_value(const struct config *c, const char *key)
{
	const struct config_key *k = key_find(key);
	char *text = NULL;
	size_t bytes;
	FILE *out;

	if (!k)
		BUG("no key %s", key);
	if (!key_given(c, k))
		return NULL;
	out = text_open(&text, &bytes);
	put_value(out, c, k, false);
	text_close(out);
	return text;
}
