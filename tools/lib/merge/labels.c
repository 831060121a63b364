/* labels.c: see labels.h. */
#include "merge/labels.h"

#include <stdlib.h>

#include "base/die.h"
#include "base/text.h"
#include "math/metrics.h"

/* The class of each label. A token that occurs for the first time begins a class. first_row (all):
 * a row with the label. */
static void find_classes(struct labels *l, const int *first_row, const int *first_token)
{
	for (int k = 0; k < l->all; k++) {
		int token = first_token[first_row[k]], c = labels_find(l, token);
		if (c == METRICS_NONE) {
			c = l->K++;
			l->name[c] = l->label[k];
			l->token[c] = token;
		}
		l->class_of[k] = c;
	}
}

void labels_init(struct labels *l, const struct rows *r, const int *first_token)
{
	size_t n = (size_t)r->n;
	int *label_of = xarray(n, sizeof *label_of);

	*l = (struct labels){.truth = xarray(n, sizeof *l->truth)};
	l->label = rows_labels(r, &l->all, label_of);
	l->name = xarray((size_t)l->all, sizeof *l->name);
	l->token = xarray((size_t)l->all, sizeof *l->token);
	l->class_of = xarray((size_t)l->all, sizeof *l->class_of);
	int *first_row = xarray((size_t)l->all, sizeof *first_row);
	for (int i = r->n - 1; i >= 0; i--)
		first_row[label_of[i]] = i;
	find_classes(l, first_row, first_token);
	for (int i = 0; i < r->n; i++)
		l->truth[i] = l->class_of[label_of[i]];
	free(first_row);
	free(label_of);
}

void labels_release(struct labels *l)
{
	free(l->name);
	free(l->token);
	free(l->truth);
	free(l->label);
	free(l->class_of);
	*l = (struct labels){0};
}

int labels_find(const struct labels *l, int token)
{
	for (int c = 0; c < l->K; c++)
		if (l->token[c] == token)
			return c;
	return METRICS_NONE;
}

static int class_size(const struct labels *l, int c)
{
	int n = 0;
	for (int k = 0; k < l->all; k++)
		n += l->class_of[k] == c;
	return n;
}

/* "'very good', 'very bad'" */
static char *class_names(const struct labels *l, int c)
{
	struct text t = {0};
	for (int k = 0; k < l->all; k++)
		if (l->class_of[k] == c)
			text_add(&t, "%s'%s'", t.n ? ", " : "", l->label[k]);
	return t.s;
}

void labels_check(const struct labels *l, const char *path)
{
	for (int c = 0; c < l->K; c++) {
		if (class_size(l, c) < 2)
			continue;
		char *names = class_names(l, c);
		if (l->K == 1)
			die("'%s': all labels (%s) begin with the same token, and the first token "
			    "is all that is compared: give them "
			    "other words, which differ from the first on, in training and here",
			    path, names);
		warn("'%s': the labels %s begin with the same token, and count as one", path,
		     names);
		free(names);
	}
}

json_t *labels_shared(const struct labels *l)
{
	json_t *classes = json_array();
	for (int c = 0; c < l->K; c++) {
		if (class_size(l, c) < 2)
			continue;
		json_t *names = json_array();
		for (int k = 0; k < l->all; k++)
			if (l->class_of[k] == c)
				json_array_append_new(names, json_string(l->label[k]));
		json_array_append_new(classes, names);
	}
	return classes;
}
