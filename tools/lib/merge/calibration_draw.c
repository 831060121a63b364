/* calibration_draw.c: see calibration_draw.h. */
#include "merge/calibration_draw.h"

#include <stdlib.h>

#include "base/die.h"
#include "merge/rows.h"

/* Explains a shortage to the user. */
_Noreturn static void die_short(const struct calibration_draw *d, int status,
				struct draw_shortage s, const char *const *label)
{
	if (status == DRAW_FEW_SAMPLES)
		die("'%s': %d samples are fewer than the %d labels: a balanced draw (--if-balance "
		    "1) needs one of each",
		    d->train, s.found, s.needed);
	const char *where = d->rules.select_long ? " among the longest (--select-long 1)" : "";
	if (s.label < 0)
		die("'%s': %d rows%s, but %d samples are needed", d->train, s.found, where,
		    s.needed);
	die("'%s': label '%s' has %d rows%s, but %d are needed", d->train, label[s.label], s.found,
	    where, s.needed);
}

static void draw(const struct rows *r, const struct calibration_draw *d, int *picked)
{
	struct draw_shortage shortage;
	int K, *label_of = xarray((size_t)r->n, sizeof *label_of);
	long *chars = xarray((size_t)r->n, sizeof *chars);
	const char **label = rows_labels(r, &K, label_of);

	for (int i = 0; i < r->n; i++)
		chars[i] = r->row[i].chars;
	int status = draw_rows(&d->rules, r->n, chars, label_of, K, picked, &shortage);
	if (status != DRAW_OK)
		die_short(d, status, shortage, label);
	free(label);
	free(chars);
	free(label_of);
}

static void tokenise(struct samples *s, const struct rows *r, const char *path,
		     struct example_maker *e)
{
	size_t S = (size_t)s->S, most = S * (size_t)s->max_length;
	s->length = xarray(S, sizeof *s->length);
	s->offset = xarray(S, sizeof *s->offset);
	s->ids = xarray(most, sizeof *s->ids);
	s->label_length = xarray(S, sizeof *s->label_length);
	s->label_offset = xarray(S, sizeof *s->label_offset);
	s->label_ids = xarray(most, sizeof *s->label_ids);

	for (int i = 0; i < s->S; i++) {
		const struct row *row = &r->row[s->row[i]];
		s->length[i] = example_prompt(e, row, path, s->row[i], s->ids + s->total);
		s->label_length[i] =
			example_answer(e, row, path, s->row[i], s->label_ids + s->label_total);
		s->total += s->length[i];
		s->label_total += s->label_length[i];
	}
	ragged_offsets(s->length, s->S, s->offset);
	ragged_offsets(s->label_length, s->S, s->label_offset);
}

void calibration_draw(struct samples *s, const struct calibration_draw *d, struct example_maker *e)
{
	struct rows r;

	*s = (struct samples){.S = d->rules.samples_num, .max_length = e->max_length};
	s->row = xarray((size_t)s->S, sizeof *s->row);
	rows_read(&r, d->train, e->templates);
	if (d->rows_file)
		rows_read_numbers(d->rows_file, r.n, s->S, s->row);
	else
		draw(&r, d, s->row);
	tokenise(s, &r, d->train, e);
	rows_release(&r);
}
