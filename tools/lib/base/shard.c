/* shard.c: see shard.h. */
#include "base/shard.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/die.h"
#include "base/opts.h"

char *shard_name(const char *task, int number)
{
	BUG_IF(number < 1 || number > SHARDS_MOST);
	return xformat("%s/%02d", task, number);
}

char *shard_task(const char *name)
{
	return xformat("%.*s", (int)strcspn(name, "/"), name);
}

int shard_number(const char *name)
{
	const char *slash = strchr(name, '/');

	return slash ? atoi(slash + 1) : 0;
}

struct strlist shard_names(const struct strlist *tasks, int shards)
{
	struct strlist names = {0};

	for (int t = 0; t < tasks->n; t++)
		for (int k = 1; k <= shards; k++) {
			char *name = shards > 1 ? shard_name(tasks->item[t], k)
						: xstrdup(tasks->item[t]);

			strlist_add(&names, name);
			free(name);
		}
	return names;
}

/* Whether the name is a task's and a number of two digits, 1 … most. */
static bool is_shard(const char *name, int most)
{
	const char *slash = strchr(name, '/');

	return slash && slash > name && isdigit((unsigned char)slash[1]) &&
	       isdigit((unsigned char)slash[2]) && !slash[3] && shard_number(name) >= 1 &&
	       shard_number(name) <= most;
}

static void check_name(const char *name, int shards)
{
	bool task = !strchr(name, '/');
	char *of = shard_task(name);

	if (shards == 1 && !task)
		die_usage("--task '%s' is a shard of task '%s': --shards says how many there are",
			  name, of);
	if (shards == SHARDS_ANY && !task && !is_shard(name, SHARDS_MOST))
		die_usage("--task '%s': expected a task, or a shard such as '%s/01'", name, of);
	if (shards > 1 && !is_shard(name, shards))
		die_usage("--task '%s': with --shards %d expected '%s/01' to '%s/%02d'", name,
			  shards, of, of, shards);
	free(of);
}

void shard_check(const struct strlist *names, int shards, const char *output)
{
	for (int i = 0; i < names->n; i++) {
		check_name(names->item[i], shards);
		if (shard_number(names->item[i]) && !strstr(output, "{shard}"))
			die_usage("--output '%s' stands for shards but has no {shard} in it",
				  output);
	}
}
