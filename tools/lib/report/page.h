/* page.h: a merge, or several of the same adapters, as one self-contained HTML page.
 *
 * The page loads nothing and runs nothing. Its pictures are inline SVG (picture.h). Under each
 * picture a table with its numbers unfolds. Texts from outside are escaped and isolated
 * (html.h). */
#ifndef PAGE_H
#define PAGE_H

#include "report/layers.h"
#include "report/results.h"
#include "report/settings.h"
#include "report/stages.h"
#include "report/texts.h"

/* What to load, from WORK/adapter/adapter_config.json. */
struct page_adapter {
	bool there;   /* else the merge is a full model, WORK/model */
	char *base;   /* the base model's name */
	bool causal;  /* a decoder-only model */
	double bytes; /* of adapter_model.safetensors */
};

struct page {
	const char *version; /* of these tools */
	struct results results;
	struct layers layers; /* this and the following members belong to the merge that is shown */
	struct stages stages;
	struct settings settings;
	struct page_adapter adapter;
	struct texts *texts; /* (tasks) */
};

/* The page (allocated). */
char *page_write(const struct page *p);

#endif
