/* labelnames.c: see labelnames.h. */
#include "merge/labelnames.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/opts.h"
#include "base/text.h"

struct label_names {
	json_t *words; /* by number, written in decimals */
};

/* {"0": first, …}: the meaning of a list. */
static json_t *by_number(const json_t *list)
{
	json_t *words = json_object();
	for (size_t i = 0; i < json_array_size(list); i++) {
		char *number = xformat("%zu", i);
		json_object_set(words, number, json_array_get(list, i));
		free(number);
	}
	return words;
}

static bool all_words(json_t *words)
{
	const char *number;
	json_t *word;
	long n;
	json_object_foreach (words, number, word)
		if (!text_to_long(number, &n) || !json_is_string(word) ||
		    text_trimmed(json_string_value(word)).n == 0)
			return false;
	return json_object_size(words) > 0;
}

struct label_names *label_names_parse(const char *text)
{
	json_t *given = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	json_t *words = json_is_array(given) ? by_number(given) : json_incref(given);
	json_decref(given);
	if (!all_words(words)) {
		json_decref(words);
		return NULL;
	}
	struct label_names *l = xmalloc(sizeof *l);
	*l = (struct label_names){words};
	return l;
}

void label_names_free(struct label_names *l)
{
	if (l)
		json_decref(l->words);
	free(l);
}

/* A label as a whole number. Beyond 2^53 not every whole number is a double. */
static bool whole_number(const json_t *label, long *n)
{
	double x = json_number_value(label);
	if (json_is_string(label) && !text_to_double(json_string_value(label), &x))
		return false;
	if (!(fabs(x) < 9007199254740992.0) || x != floor(x))
		return false;
	*n = (long)x;
	return true;
}

static char *numbers_of(const struct label_names *l)
{
	enum { LISTED = 20 };
	struct text list = {0};
	const char *number;
	json_t *word;
	int n = 0;
	json_object_foreach (l->words, number, word)
		if (n++ < LISTED)
			text_add(&list, "%s%s", n > 1 ? ", " : "", number);
	if (n > LISTED)
		text_add(&list, ", …");
	return list.s;
}

const char *label_names_find(const struct label_names *l, const json_t *label, char **why)
{
	enum { SHOWN = 40 };
	char *said = json_dumps(label, JSON_ENCODE_ANY);
	int shown = said ? text_shown(said, strlen(said), SHOWN) : 0;
	const char *word = NULL;
	long n;
	*why = NULL;
	if (!whole_number(label, &n)) {
		*why = xformat("is %.*s, no whole number, and label_names has words for numbers",
			       shown, said ? said : "");
	} else {
		char *number = xformat("%ld", n);
		word = json_string_value(json_object_get(l->words, number));
		if (!word)
			*why = xformat("is %ld, and label_names has words for %s only", n,
				       numbers_of(l));
		free(number);
	}
	free(said);
	return word;
}
