/* jsonpart.c: see jsonpart.h. */
#include "model/tokenizer/jsonpart.h"

#include <string.h>

#include "base/die.h"
#include "base/text.h"
#include "files/jsonx.h"

const char *jsonpart_type(struct jsonpart p)
{
	const char *type = json_string_value(json_object_get(p.v, "type"));
	if (!type)
		die("'%s' %s: expected an object with a string 'type', found none", p.path, p.name);
	return type;
}

void jsonpart_unknown_type(struct jsonpart p, const char *known)
{
	die("'%s' %s: type '%.40s' is not known; known are: %s", p.path, p.name, jsonpart_type(p),
	    known);
}

/* Whether `word` is one of the words of `line`. Nothing is no word: an empty key. */
static bool is_word(const char *line, const char *word)
{
	size_t n = strlen(word);
	if (n == 0 || strchr(word, ' '))
		return false;
	for (const char *at = line; (at = strstr(at, word)) != NULL; at += n)
		if ((at == line || at[-1] == ' ') && (at[n] == ' ' || !at[n]))
			return true;
	return false;
}

void jsonpart_keys(struct jsonpart p, const char *known)
{
	const char *key;
	json_t *v;
	if (!json_is_object(p.v))
		die("'%s' %s: expected an object, found another type", p.path, p.name);
	json_object_foreach ((json_t *)p.v, key, v)
		if (!is_word(known, key))
			die("'%s' %s: key '%.40s' is not known; known are: %s", p.path, p.name, key,
			    known);
}

int jsonpart_choice(struct jsonpart p, const char *key, const char *const *word, int n)
{
	const char *found = jsonx_string(p.v, p.path, key);
	struct text known = {0};
	for (int i = 0; i < n; i++) {
		if (strcmp(found, word[i]) == 0) {
			text_release(&known);
			return i;
		}
		text_add(&known, "%s%s", i ? " " : "", word[i]);
	}
	die("'%s' %s: %s '%.40s' is not known; known are: %s", p.path, p.name, key, found,
	    text_get(&known));
}

const char *jsonpart_text(struct jsonpart p, const char *key)
{
	const char *text = jsonx_string(p.v, p.path, key);
	if (!*text)
		die("'%s' %s: %s: expected a text, found an empty one", p.path, p.name, key);
	return text;
}

bool jsonpart_bool(struct jsonpart p, const char *key, bool dflt)
{
	return jsonx_bool_or(p.v, p.path, key, dflt);
}

const json_t *jsonpart_list(struct jsonpart p, const char *key)
{
	const json_t *list = json_object_get(p.v, key);
	if (!json_is_array(list))
		die("'%s' %s: %s: expected a list, found another type", p.path, p.name, key);
	return list;
}
