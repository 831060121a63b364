/* planned.h: for tests of the plan: two tasks of the demo, planned in the current folder. Adapters
 * and texts are copies in loras/ and data/, and every tool is a small text in tools/. So a test may
 * change them. */
#ifndef PLANNED_H
#define PLANNED_H

#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "files/out.h"
#include "plan/plan.h"

/* `top`: the repository's root. */
static inline void planned_files(const char *top)
{
	char *copy = xformat("cp -r '%s/data/demo/loras' '%s/data/demo/data' .", top, top),
	     *sources = xformat("%s/tools/*.c", top);
	glob_t tools;

	assert_int_equal(system(copy), 0);
	assert_int_equal(glob(sources, 0, NULL, &tools), 0);
	for (size_t i = 0; i < tools.gl_pathc; i++) {
		const char *name = strrchr(tools.gl_pathv[i], '/') + 1;
		char *path = xformat("tools/%.*s", (int)strlen(name) - 2, name);

		make_parent_folder(path);
		out_write_text(path, name);
		free(path);
	}
	globfree(&tools);
	free(sources);
	free(copy);
}

/* The shipped settings with `overrides`, a NULL-terminated list of "KEY=value". */
static inline struct plan planned(const char *top, const char *const *overrides)
{
	static const struct config_word no_words[] = {{0}};
	char *file = xformat("%s/config/iteris-plus.yaml", top);
	struct plan p = {.base = xformat("%s/data/demo/model", top),
			 .loras = "loras",
			 .data = "data",
			 .work = "work",
			 .tools = "tools",
			 .reference = "$W/eval",
			 .processes = 1};

	config_load(&p.c, file, "EMOTION_t5_large");
	config_override(&p.c, "TASK_TARGETS=emoint,tec", no_words);
	for (; *overrides; overrides++)
		config_override(&p.c, *overrides, no_words);
	config_check(&p.c);
	plan_open(&p);
	free(file);
	return p;
}

static inline void planned_close(struct plan *p)
{
	plan_close(p);
	config_release(&p->c);
	free(p->base);
}

#endif
