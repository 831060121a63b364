/* base_name.h: the base model on which a merge's adapters were trained, as their configs name it.
 * All adapters must agree. */
#ifndef BASE_NAME_H
#define BASE_NAME_H

/* Zero-initialised: no adapter named it yet. */
struct base_name {
	const char *given;     /* the user's name; NULL: none. If set it is used, and adapters may
				  disagree */
	char *name, *revision; /* the adapters' name and revision; NULL: none, or the default */
	char *from;            /* folder of the adapter that named it */
	char *dispute;         /* with `given`: how two adapters differ; or NULL */
};

/* Enters an adapter: its folder, and what its config says (NULL: nothing). die(), naming both
 * adapters, where it names another model than an earlier one. With `given` the difference is only
 * noted. */
void base_name_add(struct base_name *b, const char *dir, const char *name, const char *revision);
/* The name for the result's config. NULL: nobody names the base model. */
const char *base_name_get(const struct base_name *b);
const char *base_name_revision(const struct base_name *b);
/* Prints one line where the user's name is not the adapters', where the adapters disagree, or where
 * there is no name. */
void base_name_say(const struct base_name *b);
void base_name_release(struct base_name *b);

#endif
