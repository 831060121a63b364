/* config_private.h: what the sources of config share: the keys, the place of a value, a value as
 * text, and the ways out.
 * - config.c: overrides and relations between keys;
 * - config_table.c: the keys;
 * - config_file.c: YAML;
 * - config_set.c: text to settings;
 * - config_names.c: words for numbers;
 * - config_text.c: settings to text;
 * - config_message.c: the errors;
 * - config_readme.c: config/README.md. */
#ifndef CONFIG_PRIVATE_H
#define CONFIG_PRIVATE_H

#include "base/die.h"
#include "config/config.h"

enum {
	CONFIG_MAX_ITEMS = 1024, /* items of a list */
	CONFIG_MAX_WORDS = 64,   /* other words that a wrong key may stand for */
	CONFIG_MAX_NAME = 100 /* bytes of a task's name; NAME_MAX is 255, and files add prefixes and
				 endings */
};

#define CONFIG_NAME_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

/* The place of a value, for messages: a line of the file, or the command line (path NULL). */
struct where {
	const char *path;
	int line;
};

/* A value as text: a scalar (one item), a list, or a map as alternating keys and values. */
struct value {
	bool list, map, null;
	int n;
	char **item; /* (n) */
};

/* A text that is safe for a message. */
struct shown {
	char text[64];
};

/* The names of the enumerations, in their order. */
extern const char *const config_methods[], *const config_features[], *const config_answers[],
									     *const config_scores[];
extern const int config_nmethods, config_nfeatures, config_nanswers;

/* config_message.c */
_Noreturn void config_fail(struct where w, const char *fmt, ...) PRINTF_LIKE(2, 3);
_Noreturn void config_fail_value(struct where w, const struct config_key *k, const char *found);
_Noreturn void config_fail_unknown(struct where w, const char *name);
_Noreturn void config_fail_typed(const char *name, const struct config_word *words);
struct shown config_shown(const char *s);

/* config_table.c */
int *config_key_line(struct config *c, const struct config_key *k);
void *config_field(struct config *c, size_t offset);
/* s with the letters that another ctype function makes, cut to the buffer. */
void config_fold(char *dst, size_t size, const char *s, int (*letter)(int));

/* config_names.c: words for numbers, as one line of JSON (allocated). */
char *config_names_text(const struct config_key *k, const struct value *v, struct where w);

/* config_set.c */
void config_value_add(struct value *v, const char *text, size_t bytes);
void config_value_release(struct value *v);
/* Removes the blanks at both ends of the *n bytes at s. */
const char *config_trimmed(const char *s, size_t *n);
/* 1 << the index of the text among the scores; 0: it is none. */
unsigned config_score_bit(const char *text);
/* Splits v where a list is expected, checks it, and stores it in c. */
void config_set_key(struct config *c, const struct config_key *k, struct value *v, struct where w);
void config_set_defaults(struct config *c);

#endif
