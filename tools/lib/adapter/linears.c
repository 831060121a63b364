/* linears.c: see linears.h. */
#include "adapter/linears.h"

#include <stdlib.h>
#include <string.h>

bool linear_named(const struct strlist *names, const char *module)
{
	for (int i = 0; i < names->n; i++) {
		size_t n = strlen(names->item[i]), all = strlen(module);
		const char *end = module + all - n;

		if (n <= all && strcmp(end, names->item[i]) == 0 && (n == all || end[-1] == '.'))
			return true;
	}
	return false;
}

void linears_each(const struct geometry *m, const struct strlist *names,
		  void (*fn)(struct module q, void *arg), void *arg)
{
	for (int stack = 0; names->n && stack < 2; stack++)
		for (int i = 0; i < m->L[stack] * SLOTS; i++) {
			struct module q = {.stack = stack, .block = i / SLOTS, .slot = i % SLOTS};
			char *name;

			if (!slot_exists(m, stack, q.slot))
				continue;
			name = module_name(m, q);
			if (linear_named(names, name))
				fn(q, arg);
			free(name);
		}
}
