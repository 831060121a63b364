/* launch.c: see launch.h. */
#include "plan/launch.h"

#include <string.h>

#include "base/die.h"
#include "base/text.h"
#include "plan/forecast.h"

/* MiB beside the planned peak: the process that starts the tool, and pages of files that are being
 * written. */
enum { BESIDE = 64 };

static const char mem[] = "{mem}", cpus[] = "{cpus}";

static void check_character(const char *launch, const char *at)
{
	if (*at == '{' && !text_begins(at, mem) && !text_begins(at, cpus))
		die_usage("LAUNCH='%s': expected %s or %s, found '%.*s'", launch, mem, cpus,
			  (int)strcspn(at, " }") + (at[strcspn(at, " }")] == '}'), at);
	if (strchr("'\"\\`$", *at) || (unsigned char)*at < ' ')
		die_usage("LAUNCH='%s': found %s: its words are passed on as they are; put the "
			  "command into a script, and give its path",
			  launch,
			  strchr("'\"`", *at) ? "a quotation mark" : "a backslash or a dollar");
}

void launch_check(const char *launch)
{
	if (!launch[strspn(launch, " ")])
		die_usage("LAUNCH is empty: leave it out, or give a command such as srun");
	for (const char *s = launch; *s; s++)
		check_character(launch, s);
}

char *launch_words(const struct plan *p, enum stage stage)
{
	size_t peak = p->launch ? forecast_stage(p, stage) : 0;
	struct text t = {0};

	if (!peak)
		return NULL;
	for (const char *s = p->launch; *s; s += *s == '{' ? strcspn(s, "}") + 1 : 1)
		if (text_begins(s, mem))
			text_add(&t, "%zu", (peak >> 20) + 1 + BESIDE);
		else if (text_begins(s, cpus))
			text_add(&t, "%d", plan_threads(p));
		else
			text_add(&t, "%c", *s);
	return t.s;
}
