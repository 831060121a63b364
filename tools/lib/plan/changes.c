/* changes.c: see changes.h. */
#include "plan/changes.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "files/out.h"

/* The line of `text` that begins with the same word as `line`, or NULL. */
static const char *same_key(const char *text, const char *line)
{
	size_t key = strcspn(line, " \n");

	for (; *text; text += strcspn(text, "\n"), text += *text == '\n')
		if (!strncmp(text, line, key) && (text[key] == ' ' || text[key] == '\n'))
			return text;
	return NULL;
}

/* Several lines can begin with the same word, for example one per task. */
static bool has_line(const char *text, const char *line)
{
	size_t n = strcspn(line, "\n") + 1;

	for (; *text; text += strcspn(text, "\n"), text += *text == '\n')
		if (strncmp(text, line, n) == 0)
			return true;
	return false;
}

static bool is_digest(const char *value)
{
	return strspn(value, "0123456789abcdef") == 16 && value[16] == '\n';
}

static void add_reason(struct changes *c, char *reason)
{
	if (!strstr(text_get(&c->why), reason))
		text_add(&c->why, "%s%s", *text_get(&c->why) ? ", " : "", reason);
	free(reason);
}

static char *rest_of_line(const char *s)
{
	return xformat("%.*s", (int)strcspn(s, "\n"), s);
}

static void add_line(struct changes *c, struct change line)
{
	c->line = xrealloc(c->line, (size_t)(c->lines + 1) * sizeof(*c->line));
	c->line[c->lines++] = line;
}

/* Whether a line "KEY VALUE" is missing in the old text. */
static void compare_line(struct changes *c, const char *name, const char *old, const char *line)
{
	int key = (int)strcspn(line, " \n");
	const char *before = same_key(old, line), *value = line + key + (line[key] == ' ');

	if (has_line(old, line))
		return;
	add_line(c, (struct change){.stamp = c->n - 1,
				    .key = xformat("%.*s", key, line),
				    .before = before ? rest_of_line(before + key + 1) : NULL,
				    .after = rest_of_line(value),
				    .contents = is_digest(value)});
	if (is_digest(value) || !before)
		add_reason(c, xformat("%.*s of %s", key, line, name));
	else
		add_reason(c, xformat("%.*s %.*s -> %.*s", key, line,
				      (int)strcspn(before + key + 1, "\n"), before + key + 1,
				      (int)strcspn(value, "\n"), value));
}

bool changes_add(struct changes *c, const char *path, const char *name, const char *text)
{
	char *old = out_read_text(path);

	if (old && !strcmp(old, text)) {
		free(old);
		return false;
	}
	c->stamp = xrealloc(c->stamp, (size_t)(c->n + 1) * sizeof(*c->stamp));
	c->text = xrealloc(c->text, (size_t)(c->n + 1) * sizeof(*c->text));
	c->first = xrealloc(c->first, (size_t)(c->n + 1) * sizeof(*c->first));
	c->text[c->n] = xstrdup(text);
	c->first[c->n] = !old;
	c->stamp[c->n++] = xstrdup(name);
	for (const char *line = text; old && *line;
	     line += strcspn(line, "\n"), line += *line == '\n')
		compare_line(c, name, old, line);
	free(old);
	return true;
}

const char *changes_text(const struct changes *c, const char *name)
{
	for (int i = 0; i < c->n; i++)
		if (strcmp(c->stamp[i], name) == 0)
			return c->text[i];
	return NULL;
}

void changes_release(struct changes *c)
{
	for (int i = 0; i < c->n; i++) {
		free(c->stamp[i]);
		free(c->text[i]);
	}
	for (int i = 0; i < c->lines; i++) {
		free(c->line[i].key);
		free(c->line[i].before);
		free(c->line[i].after);
	}
	free(c->stamp);
	free(c->text);
	free(c->first);
	free(c->line);
	text_release(&c->why);
}
