/* postprocessor.c: see postprocessor.h. */
#include "model/tokenizer/postprocessor.h"

#include <string.h>

#include "base/die.h"
#include "files/jsonx.h"
#include "model/tokenizer/vocab.h"

static void read_sequence(struct postprocessor *p, struct jsonpart part)
{
	size_t i;
	json_t *v;
	jsonpart_keys(part, "type processors");
	json_array_foreach (jsonpart_list(part, "processors"), i, v)
		postprocessor_read(p, (struct jsonpart){part.path, part.name, v});
}

/* The ids of a special token in the template. */
static void add_special(struct token_ids *to, struct jsonpart part, const char *name)
{
	size_t i;
	json_t *v;
	json_t *token = json_object_get(json_object_get(part.v, "special_tokens"), name);
	if (!token)
		die("'%s' %s: the template has the token '%.60s', which "
		    "special_tokens does not have",
		    part.path, part.name, name);
	const json_t *ids = jsonpart_list((struct jsonpart){part.path, part.name, token}, "ids");
	json_array_foreach (ids, i, v)
		token_ids_add(to, (int)jsonx_item_int(ids, part.path, "ids", i, 0, VOCAB_MOST_ID));
}

/* An item of the template: {"SpecialToken": {"id": "<s>", …}} or {"Sequence": {"id": "A", …}}. */
static void read_item(struct postprocessor *p, struct jsonpart part, const json_t *v, bool *text)
{
	const json_t *special = json_object_get(v, "SpecialToken");
	const json_t *sequence = json_object_get(v, "Sequence");
	if (json_object_size(v) == 1 && special) {
		add_special(*text ? &p->behind : &p->before, part,
			    jsonx_string(special, part.path, "id"));
		return;
	}
	const char *id =
		json_object_size(v) == 1 && sequence ? jsonx_string(sequence, part.path, "id") : "";
	if (strcmp(id, "A") != 0 || *text)
		die("'%s' %s: single: expected SpecialToken items and one Sequence "
		    "'A', found another item",
		    part.path, part.name);
	*text = true;
}

/* `pair` is for two texts at once. */
static void read_template(struct postprocessor *p, struct jsonpart part)
{
	size_t i;
	json_t *v;
	bool text = false;
	jsonpart_keys(part, "type single pair special_tokens");
	if (p->read)
		die("'%s' %s: two of TemplateProcessing: expected one", part.path, part.name);
	p->read = true;
	json_array_foreach (jsonpart_list(part, "single"), i, v)
		read_item(p, part, v, &text);
	if (!text)
		die("'%s' %s: single: expected a Sequence 'A', found none", part.path, part.name);
}

void postprocessor_read(struct postprocessor *p, struct jsonpart part)
{
	if (json_is_null(part.v))
		return;
	const char *type = jsonpart_type(part);
	if (strcmp(type, "Sequence") == 0)
		read_sequence(p, part);
	else if (strcmp(type, "ByteLevel") == 0)
		jsonpart_keys(part, "type add_prefix_space trim_offsets use_regex");
	else if (strcmp(type, "TemplateProcessing") == 0)
		read_template(p, part);
	else
		jsonpart_unknown_type(part, "ByteLevel TemplateProcessing Sequence");
}

void postprocessor_release(struct postprocessor *p)
{
	token_ids_release(&p->before);
	token_ids_release(&p->behind);
	*p = (struct postprocessor){0};
}
