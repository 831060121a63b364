/* page_private.h: the parts of page.c, one section each. Every function appends to `out`. */
#ifndef PAGE_PRIVATE_H
#define PAGE_PRIVATE_H

#include "base/text.h"
#include "report/page.h"
#include "report/picture.h"

extern const char *const page_style[]; /* rules; ends with NULL */

const struct result_model *page_shown(const struct page *p);
int page_worst_task(const struct page *p); /* of the merge that is shown, by kept accuracy */

void page_add_accuracy(struct text *out, const struct page *p);
void page_add_confusion(struct text *out, const struct page *p);
void page_add_layers(struct text *out, const struct page *p);
void page_add_maps(struct text *out, const struct page *p); /* a part of the layers */
void page_add_condition(struct text *out, const struct page *p);
void page_add_cost(struct text *out, const struct page *p);
void page_add_rows(struct text *out, const struct page *p);
void page_add_settings(struct text *out, const struct page *p);
void page_add_loading(struct text *out, const struct page *p);

/* <section>, its heading and a first paragraph. */
void page_section(struct text *out, const char *id, const char *heading, const char *words);
/* The numbers of a picture: a table that unfolds; it is open where there is no picture. Its head is
 * a list of columns between tabs. The first `left` columns hold texts. */
void page_numbers(struct text *out, bool drawn, const char *columns, int left);
void page_table(struct text *out, const char *columns, int left); /* the same, always open */
void page_end_numbers(struct text *out);
void page_end_table(struct text *out);
/* Colours of series and their names: a line below a picture. */
void page_legend(struct text *out, const char *const *name, int n, int first_colour);

/* A module's name, which may be broken after its dots. */
void page_module(struct text *out, const char *name);

/* A step of 1, 2 or 5 times a power of ten, so that n is at most `most` steps. */
int page_tick_step(int n, int most);
/* Puts the layers along the bottom of a picture, with each stack's name above its part. Sets the
 * height. */
void page_layer_axis(struct picture *p, const struct layers *l);

#endif
