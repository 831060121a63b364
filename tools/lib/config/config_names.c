/* config_names.c: words for numbers: makes one line of JSON from a list or a map. The tools take it
 * (merge/labelnames.h). Equal settings give equal text: {"0":"anger","1":"joy"}. */
#include "config/config_private.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* The number of item i, as text (allocated). */
static char *number_of(const struct config_key *k, const struct value *v, int i, struct where w)
{
	long n = i;
	if (v->map && !text_to_long(v->item[i - 1], &n))
		config_fail(w, "%s: expected a whole number before ':', found '%s'", k->name,
			    config_shown(v->item[i - 1]).text);
	return xformat("%ld", n);
}

static void add_word(json_t *words, const struct config_key *k, const struct value *v, int i,
		     struct where w)
{
	char *number = number_of(k, v, i, w);
	if (json_object_get(words, number))
		config_fail(w, "%s: %s is there twice", k->name, number);
	if (text_trimmed(v->item[i]).n == 0)
		config_fail(w, "%s: the word of %s is empty", k->name, number);
	if (json_object_set_new(words, number, json_string(v->item[i])))
		config_fail(w, "%s: not UTF-8: '%s'", k->name, config_shown(v->item[i]).text);
	free(number);
}

char *config_names_text(const struct config_key *k, const struct value *v, struct where w)
{
	json_t *words = json_object();
	if (!v->list)
		config_fail_value(w, k, xformat("'%s'", config_shown(v->item[0]).text));
	for (int i = v->map; i < v->n; i += 1 + v->map)
		add_word(words, k, v, i, w);
	char *text = json_dumps(words, JSON_COMPACT | JSON_SORT_KEYS);
	if (!text)
		die("out of memory");
	json_decref(words);
	return text;
}
