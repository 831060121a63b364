/* base_name.h: the base model that a merge's adapters were trained on, as their configs name it.
 * They must agree. */
#ifndef BASE_NAME_H
#define BASE_NAME_H

/* Zero-initialised: no adapter named it yet. */
struct base_name {
	const char
		*given; /* by the user, or NULL: then it counts, and the adapters need not agree */
	char *name, *revision; /* the adapters'; NULL: none, or the default */
	char *from;            /* folder of the adapter that said so */
	char *dispute;         /* how two adapters differ, with `given`; or NULL */
};

/* One more adapter: its folder, and what its config says (NULL: nothing). Another model than the
 * ones before: die(), naming both adapters, but with `given`. */
void base_name_add(struct base_name *b, const char *dir, const char *name, const char *revision);
/* What the result is to name; NULL: nobody names one. */
const char *base_name_get(const struct base_name *b);
const char *base_name_revision(const struct base_name *b);
/* One line on stderr where the user's name is not the adapters', where these differ, or where there
 * is none. */
void base_name_say(const struct base_name *b);
void base_name_release(struct base_name *b);

#endif
