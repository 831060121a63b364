/* jsonpart.h: reads parts of a JSON file in which every key and every word must be known.
 *
 * A part is an object such as {"type": "Split", "pattern": …}. Anything unknown is die(), naming
 * the file, the part, the key, what was found and what is known. */
#ifndef JSONPART_H
#define JSONPART_H

#include <jansson.h>
#include <stdbool.h>

struct jsonpart {
	const char *path; /* path of the file */
	const char *name; /* name of the part: "pre_tokenizer" */
	const json_t *v;
};

/* The part's "type". die() unless the part is an object with a string under this key. */
const char *jsonpart_type(struct jsonpart p);
_Noreturn void jsonpart_unknown_type(struct jsonpart p, const char *known);

/* die() where the part has a key that is not among the words of `known` ("type pattern invert"). */
void jsonpart_keys(struct jsonpart p, const char *known);

/* The number of the word under the key, among n words. */
int jsonpart_choice(struct jsonpart p, const char *key, const char *const *word, int n);

/* The string under the key; it has at least one byte. */
const char *jsonpart_text(struct jsonpart p, const char *key);
bool jsonpart_bool(struct jsonpart p, const char *key, bool dflt);
/* The list under the key. */
const json_t *jsonpart_list(struct jsonpart p, const char *key);

#endif
