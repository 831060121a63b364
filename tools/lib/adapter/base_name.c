/* base_name.c: see base_name.h. */
#include "adapter/base_name.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* "'name'" or "'name' revision 'x'". */
static char *shown(const char *name, const char *revision)
{
	return revision ? xformat("'%.200s' revision '%.100s'", name, revision)
			: xformat("'%.200s'", name);
}

static void differ(struct base_name *b, const char *dir, const char *name, const char *revision)
{
	char *first = shown(b->name, b->revision), *second = shown(name, revision);

	if (!b->given)
		die("adapter '%s' is of the base model %s, adapter '%s' of %s "
		    "(base_model_name_or_path); if both are the same model, give its name: "
		    "MODEL_NAME=… or --model-name",
		    b->from, first, dir, second);
	if (!b->dispute)
		b->dispute = xformat("adapter '%s' is of the base model %s, adapter '%s' of %s",
				     b->from, first, dir, second);
	free(first);
	free(second);
}

void base_name_add(struct base_name *b, const char *dir, const char *name, const char *revision)
{
	if (!name)
		return;
	if (b->name) {
		if (!same(b->name, name) || !same(b->revision, revision))
			differ(b, dir, name, revision);
		return;
	}
	b->name = xstrdup(name);
	b->revision = revision ? xstrdup(revision) : NULL;
	b->from = xstrdup(dir);
}

const char *base_name_get(const struct base_name *b)
{
	return b->given ? b->given : b->name;
}

const char *base_name_revision(const struct base_name *b)
{
	return !b->given || (same(b->given, b->name) && !b->dispute) ? b->revision : NULL;
}

void base_name_say(const struct base_name *b)
{
	if (!base_name_get(b))
		note("no adapter names its base model, and the result will name none (MODEL_NAME=… "
		     "gives it a name)");
	else if (b->dispute)
		note("%s; the result names '%s' (model_name)", b->dispute, b->given);
	else if (b->given && b->name && !same(b->given, b->name))
		note("the result names the base model '%s' (model_name); adapter '%s' names "
		     "'%.200s'",
		     b->given, b->from, b->name);
}

void base_name_release(struct base_name *b)
{
	free(b->name);
	free(b->revision);
	free(b->from);
	free(b->dispute);
	*b = (struct base_name){0};
}
