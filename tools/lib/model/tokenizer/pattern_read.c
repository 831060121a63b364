/* pattern_read.c: see pattern_read.h. */
#include "model/tokenizer/pattern_read.h"

#include <string.h>

#include "base/die.h"

struct regexp *pattern_read(struct jsonpart p)
{
	const json_t *v = json_object_get(p.v, "pattern");
	const char *text = json_string_value(json_object_get(v, "String"));
	const char *expression = json_string_value(json_object_get(v, "Regex"));
	char *why;
	if (json_object_size(v) != 1 || !(text || expression))
		die("'%s' %s: pattern: expected {\"String\": …} or {\"Regex\": …}, found another "
		    "value",
		    p.path, p.name);
	if (!*(text ? text : expression))
		die("'%s' %s: pattern: expected a text, found an empty one", p.path, p.name);
	if (text)
		return regexp_literal(text);
	struct regexp *r = regexp_compile(expression, &why);
	if (!r)
		die("'%s' %s: pattern '%.60s': no regular expression of Oniguruma: %s", p.path,
		    p.name, expression, why);
	return r;
}

struct regexp *pattern_compile_own(const char *expression)
{
	char *why = NULL;
	struct regexp *r = regexp_compile(expression, &why);
	BUG_IF(!r);
	return r;
}
