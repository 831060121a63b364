/* settings.h: the settings of a merge, and the digests of its inputs. They come from WORK/stamps: a
 * stamp has everything that a stage, or an input, depends on. */
#ifndef SETTINGS_H
#define SETTINGS_H

struct setting {
	char *name, *value;
};

struct settings {
	int n, inputs, tools;
	struct setting *setting; /* each key once */
	struct setting *input;   /* "tec/train.json", digest */
	struct setting *tool;    /* "solve-layer", digest: the tools that ran */
};

struct strlist;
struct stages;

/* ran: the stages whose settings are used. */
void settings_read(struct settings *s, const char *work, const struct strlist *tasks,
		   const struct stages *ran);
void settings_release(struct settings *s);
/* The value of a key; NULL: no stage that ran depends on it. */
const char *settings_find(const struct settings *s, const char *name);

#endif
