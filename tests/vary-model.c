/* vary-model.c: removes, copies and halves tensors of a model, for tests of files that hold
 * something twice or not at all.
 *
 * --changes LIST:
 * - NAME= removes a tensor;
 * - NAME=SOURCE puts a copy of SOURCE there;
 * - NAME=SOURCE~ a copy with all values halved;
 * - NAME=SOURCE^ a copy with only the last value changed.
 *
 * The result is one file of float32. */
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/opts.h"
#include "base/strlist.h"
#include "files/safetensors/st.h"

static const char *model, *changes, *output;

static const struct opt options[] = {
	{"model", 0, OPT_STRING, &model, true, 0, 0, "DIR", "model folder"},
	{"changes", 0, OPT_STRING, &changes, true, 0, 0, "LIST",
	 "NAME=, NAME=SOURCE, NAME=SOURCE~ or NAME=SOURCE^, by commas"},
	{"output", 'o', OPT_STRING, &output, true, 0, 0, "FILE", "safetensors file to write"},
	{.type = OPT_END},
};

static const struct tool tool = {.name = "vary-model",
				 .summary = "a model's weights with some tensors changed",
				 .opts = options};

/* Splits "NAME=SOURCE" in place; `how` is '~', '^' or 0. */
struct change {
	char *name, *source, how;
};

static struct change parse(char *item)
{
	char *equals = strchr(item, '=');
	if (!equals)
		die_usage("--changes: expected NAME=SOURCE, found '%s'", item);
	*equals = '\0';
	struct change c = {.name = item, .source = equals + 1};
	size_t n = strlen(c.source);
	if (n > 0 && (c.source[n - 1] == '~' || c.source[n - 1] == '^')) {
		c.how = c.source[n - 1];
		c.source[n - 1] = '\0';
	}
	return c;
}

static void put(struct st_out *o, bool write, const struct st *st, const char *name,
		const char *source, char how)
{
	const struct st_tensor *t = st_find(st, source);
	if (!t)
		die("'%s': no tensor '%s'", model, source);
	size_t n = t->dim[0] * t->dim[1];
	if (!write) {
		st_declare(o, name, t->dim[0], t->ndim == 2 ? t->dim[1] : 0);
		return;
	}
	float *x = xarray(n, sizeof(*x));
	st_read(st, t, 0, n, x);
	for (size_t i = how == '~' ? 0 : n - 1; how && i < n; i++)
		x[i] *= 0.5f;
	st_write(o, x, n);
	free(x);
}

static void write_all(struct st_out *o, bool write, const struct st *st, const struct change *c,
		      int n)
{
	for (int i = 0; i < st_count(st); i++) {
		const char *name = st_at(st, i)->name;
		bool changed = false;
		for (int k = 0; k < n; k++)
			changed |= strcmp(c[k].name, name) == 0;
		if (!changed)
			put(o, write, st, name, name, 0);
	}
	for (int k = 0; k < n; k++)
		if (*c[k].source)
			put(o, write, st, c[k].name, c[k].source, c[k].how);
}

int main(int argc, char **argv)
{
	opts_parse(&tool, argc, argv);
	struct strlist list = strlist_split(changes, "--changes");
	struct change *c = xarray((size_t)list.n, sizeof(*c));
	struct st *st = st_open(model);
	struct st_out *o = st_create(output);
	for (int i = 0; i < list.n; i++)
		c[i] = parse(list.item[i]);
	write_all(o, false, st, c, list.n);
	write_all(o, true, st, c, list.n);
	st_commit(o);
	st_close(st);
	free(c);
	strlist_release(&list);
	return 0;
}
