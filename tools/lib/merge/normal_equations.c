/* normal_equations.c: see normal_equations.h. */
#include "merge/normal_equations.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "files/h5/h5_lower.h"
#include "forward/solution.h"
#include "merge/gramfile.h"

/* Reads one number for every task, or a single number that is used for all. */
static double *parse_manual(const char *list, int N)
{
	double *m = xarray((size_t)N, sizeof(*m)), sum = 0;
	char *copy = xstrdup(list), *rest = copy, *item;
	int n = 0;

	while ((item = strsep(&rest, ","))) {
		if (n == N || !text_to_double(item, &m[n]))
			die_usage("--manual-ceof '%s': expected %d numbers, one for every task or "
				  "one for all",
				  list, N);
		sum += fabs(m[n++]);
	}
	if ((n != N && n != 1) || sum == 0)
		die_usage("--manual-ceof '%s': expected %d numbers, not all 0, one for every task "
			  "or one for all",
			  list, N);
	for (int t = n; t < N; t++)
		m[t] = m[0];
	free(copy);
	return m;
}

static struct h5 *open_gram(struct normal_equations *s, const char *grams, int t,
			    const char *features)
{
	char *path = path_for_task(grams, s->tasks->item[t], s->tasks->n, "--grams");
	struct h5 *f = h5_open(path, "iteris-grams", GRAMFILE_VERSION);

	h5_expect_string(f, "site", s->site);
	h5_expect_string(f, "task", s->tasks->item[t]);
	h5_expect_int(f, "d", s->d);
	if (features)
		h5_expect_string(f, "features", features);
	if (t == 0)
		s->dcs = h5_get_int(f, "/", "use_dcs") != 0;
	h5_expect_int(f, "use_dcs", s->dcs);
	free(path);
	return f;
}

void equations_open(struct normal_equations *s, const char *grams, const char *manual)
{
	char *features = NULL;

	s->manual = parse_manual(manual, s->tasks->n);
	s->sign = xarray((size_t)s->tasks->n, sizeof(*s->sign));
	for (int t = 0; t < s->tasks->n; t++) {
		s->sign[t] = s->manual[t] < 0 ? -1 : 1;
		s->manual[t] = fabs(s->manual[t]);
	}
	s->gram = xcalloc((size_t)s->tasks->n, sizeof(*s->gram));
	for (int t = 0; t < s->tasks->n; t++) {
		s->gram[t] = open_gram(s, grams, t, features);
		if (!features)
			features = h5_get_string(s->gram[t], "/", "features");
	}
	s->panel = xarray(EQUATIONS_ROWS * (size_t)s->d, sizeof(*s->panel));
	free(features);
}

void equations_close(struct normal_equations *s)
{
	for (int t = 0; s->gram && t < s->tasks->n; t++)
		h5_close(s->gram[t]);
	free(s->gram);
	free(s->manual);
	free(s->sign);
	free(s->panel);
}

bool equations_negate(const struct normal_equations *s)
{
	for (int t = 0; t < s->tasks->n; t++)
		if (s->sign[t] < 0)
			return true;
	return false;
}

size_t equations_bytes(int d)
{
	return EQUATIONS_ROWS * (size_t)d * sizeof(double);
}

/* State of the sums of one module. */
struct module_sums {
	struct solve *q;
	const char *name;
	char *group; /* "/modules/<name>" */
	const struct factors *stack;
};

/* Checks that the Gram file was made with this adapter: it must have the same rank and scale. */
static void check_adapter(const struct normal_equations *s, const struct module_sums *p, int t)
{
	int r = p->stack->first[t + 1] - p->stack->first[t];
	long found = h5_get_int(s->gram[t], p->group, "r");
	double scale = h5_get_double(s->gram[t], p->group, "scale");

	if (found != r || scale != p->stack->s[t])
		die("'%s': %s: made with an adapter of rank %ld and scale %g, but this one has %d "
		    "and %g",
		    h5_path(s->gram[t]), p->name, found, scale, r, p->stack->s[t]);
}

/* x (n, d): rows of a dataset from row0 on. A row that is not finite is an error that names it. */
static void check_rows(const struct normal_equations *s, int t, const char *path, size_t row0,
		       size_t n, size_t d, const double *x)
{
	for (size_t i = 0; i < n * d; i++)
		if (!isfinite(x[i]))
			die_data("site %s, task %s, %s: row %zu of '%s' is not finite", s->site,
				 s->tasks->item[t], path + strlen("/modules/"), row0 + i / d,
				 h5_path(s->gram[t]));
}

static void read_rows(const struct normal_equations *s, int t, const char *path, size_t row0,
		      size_t n, double *x)
{
	h5_read_double(s->gram[t], path, row0, n, x);
	check_rows(s, t, path, row0, n, (size_t)s->d, x);
}

/* Rows of H, which is in tiles. */
static void read_H(const struct normal_equations *s, int t, const char *path, size_t row0, size_t n,
		   double *x)
{
	lower_read(s->gram[t], path, s->d, (int)row0, (int)n, x);
	check_rows(s, t, path, row0, n, (size_t)s->d, x);
}

/* Calls add(arg, cm, rows, i0, n) over the rows of a dataset, panel by panel. */
static void each_panel(struct normal_equations *s, int t, const char *path,
		       void (*read)(const struct normal_equations *, int, const char *, size_t,
				    size_t, double *),
		       void (*add)(void *, double, const double *, int, int), void *arg, double cm)
{
	for (int i0 = 0; i0 < s->d; i0 += EQUATIONS_ROWS) {
		int n = s->d - i0 < EQUATIONS_ROWS ? s->d - i0 : EQUATIONS_ROWS;

		read(s, t, path, (size_t)i0, (size_t)n, s->panel);
		add(arg, cm, s->panel, i0, n);
	}
}

static char *path_of_H(const struct normal_equations *s, int t, const char *group)
{
	char *path = xformat("%s/H", group);

	lower_expect(s->gram[t], path, s->d);
	return path;
}

static void each_panel_H(struct normal_equations *s, int t, const char *group,
			 void (*add)(void *, double, const double *, int, int), void *arg,
			 double cm)
{
	char *path = path_of_H(s, t, group);

	each_panel(s, t, path, read_H, add, arg, cm);
	free(path);
}

static void each_panel_C(struct normal_equations *s, int t, const char *group,
			 void (*add)(void *, double, const double *, int, int), void *arg,
			 double cm)
{
	char *path = xformat("%s/C", group);

	h5_expect_shape(s->gram[t], path, (size_t)s->d, (size_t)s->d);
	each_panel(s, t, path, read_rows, add, arg, cm);
	free(path);
}

static void read_tile(const struct normal_equations *s, int t, const char *path, int I, int J,
		      double *tile)
{
	size_t b = (size_t)lower_tile(s->d);

	lower_read_tile(s->gram[t], path, s->d, I, J, tile);
	check_rows(s, t, path, (size_t)I * b, b, b, tile);
}

/* The diagonal of a task's H, into `diagonal` (d). */
static void read_diagonal(const struct normal_equations *s, int t, const char *group,
			  double *diagonal)
{
	int b = lower_tile(s->d);
	char *path = path_of_H(s, t, group);
	double *tile = xarray((size_t)b * (size_t)b, sizeof(*tile));

	for (int i = 0; i < s->d; i++) {
		if (i % b == 0)
			read_tile(s, t, path, i / b, i / b, tile);
		diagonal[i] = tile[(size_t)(i % b) * (size_t)b + (size_t)(i % b)];
	}
	free(tile);
	free(path);
}

/* P (d − c, n) += cm tile (I, J), which begins at column J·b ≥ c. */
static void add_tile(const struct normal_equations *s, const double *tile, int I, int J, double cm,
		     int c, int n, double *P)
{
	int b = lower_tile(s->d), rows = s->d - I * b < b ? s->d - I * b : b,
	    cols = c + n - J * b < b ? c + n - J * b : b;

	for (int i = 0; i < rows; i++) {
		double *to = P + (size_t)(I * b + i - c) * (size_t)n + (size_t)(J * b - c);
		const double *from = tile + (size_t)i * (size_t)b;

		for (int j = 0; j < cols; j++)
			to[j] += cm * from[j];
	}
}

void equations_panel(struct normal_equations *s, const char *module, const double *cm, int c, int n,
		     double *tile, double *P)
{
	int b = lower_tile(s->d);
	char *group = xformat("/modules/%s", module);

	BUG_IF(c % b);
	memset(P, 0, (size_t)(s->d - c) * (size_t)n * sizeof(*P));
	for (int t = 0; t < s->tasks->n; t++) {
		char *path = path_of_H(s, t, group);

		for (int I = c / b; I * b < s->d; I++)
			for (int J = c / b; J <= I && J * b < c + n; J++) {
				read_tile(s, t, path, I, J, tile);
				add_tile(s, tile, I, J, cm[t], c, n, P);
			}
		free(path);
	}
	free(group);
}

double equations_norm(struct normal_equations *s, const char *module, int t)
{
	char *group = xformat("/modules/%s", module);
	double norm = h5_get_double(s->gram[t], group, "h_norm");

	free(group);
	return norm;
}

static void add_H(void *arg, double cm, const double *H, int i0, int n)
{
	solve_add_H(arg, cm, H, i0, n);
}

static int rank_of(const struct factors *k, int t)
{
	return k->first[t + 1] - k->first[t];
}

/* A_t C_t (r, d), allocated; r: of an adapter that targets the module. */
static double *read_AC(const struct normal_equations *s, const char *group, int t, int r)
{
	double *AC = xarray((size_t)r * (size_t)s->d, sizeof(*AC));
	char *path = xformat("%s/AC", group);

	h5_expect_shape(s->gram[t], path, (size_t)r, (size_t)s->d);
	read_rows(s, t, path, 0, (size_t)r, AC);
	free(path);
	return AC;
}

static void add_rows(struct normal_equations *s, const struct module_sums *p, int t, double cm)
{
	const struct factors *k = p->stack;
	int r0 = k->first[t], r = rank_of(k, t);
	double *AC, ridge = s->alpha_1 * h5_get_double(s->gram[t], p->group, "xxm_norm");

	if (!r)
		return;
	AC = read_AC(s, p->group, t, r);
	solve_add_rows(p->q, r0, r, AC, k->A + (size_t)r0 * (size_t)k->d, s->sign[t] * cm * k->s[t],
		       ridge, cm * h5_get_double(s->gram[t], p->group, "y_norm2"));
	free(AC);
}

/* Adds H, or its diagonal where S is factored in panels. */
static void sum_H(struct normal_equations *s, const struct module_sums *p, int t, double cm)
{
	double *diagonal;

	if (!p->q->panels) {
		each_panel_H(s, t, p->group, add_H, p->q, cm);
		return;
	}
	diagonal = xarray((size_t)s->d, sizeof(*diagonal));
	read_diagonal(s, t, p->group, diagonal);
	solve_add_diagonal(p->q, cm, diagonal);
	free(diagonal);
}

static void add_task(struct normal_equations *s, const struct module_sums *p, int t, double *c)
{
	double w2 = h5_get_double(s->gram[t], p->group, "w_norm2"),
	       xw2 = h5_get_double(s->gram[t], p->group, "xw_norm2");
	double cm;

	check_adapter(s, p, t);
	if (solve_coefficient(c, w2, xw2))
		die_data("site %s, task %s, %s: the weight's norm is %g and its outputs' is %g: no "
			 "coefficient",
			 s->site, s->tasks->item[t], p->name, sqrt(w2), sqrt(xw2));
	cm = *c * s->manual[t];
	sum_H(s, p, t, cm);
	solve_add_ridge(p->q, cm, h5_get_double(s->gram[t], p->group, "h_norm"), &s->ridge);
	add_rows(s, p, t, cm);
}

void equations_sum(struct normal_equations *s, struct solve *q, const char *module,
		   const struct factors *k, double *c)
{
	struct module_sums p = {q, module, xformat("/modules/%s", module), k};

	for (int t = 0; t < s->tasks->n; t++)
		add_task(s, &p, t, &c[t]);
	free(p.group);
}

double equations_solve(struct normal_equations *s, struct solve *q, const char *module)
{
	double condition;
	int info = solve_system(q, s->dcs ? SOLVE_DCS_RIDGE : 0, &condition);

	if (info > 0)
		die_data("site %s, %s: the system is not positive definite at pivot %d of %d",
			 s->site, module, info, q->d);
	if (info)
		die_data("site %s, %s: the %s is not finite", s->site, module,
			 info == -1 ? "system" : "solution");
	return condition;
}

struct square {
	double *C;
	size_t d;
};

static void add_C(void *arg, double cm, const double *rows, int i0, int n)
{
	const struct square *q = arg;

	for (size_t i = 0; i < (size_t)n * q->d; i++)
		q->C[(size_t)i0 * q->d + i] += cm * rows[i];
}

double equations_sum_C(struct normal_equations *s, const char *module, const double *c, double *C)
{
	struct square q = {C, (size_t)s->d};
	char *group = xformat("/modules/%s", module);
	double tau = 0;

	memset(C, 0, q.d * q.d * sizeof(*C));
	for (int t = 0; t < s->tasks->n; t++) {
		each_panel_C(s, t, group, add_C, &q, c[t] * s->manual[t]);
		tau += c[t] * s->manual[t] * s->alpha_1 *
		       h5_get_double(s->gram[t], group, "xxm_norm");
	}
	free(group);
	return tau;
}

double equations_full_norm2(struct normal_equations *s, const char *module, const double *c)
{
	char *group = xformat("/modules/%s", module);
	double sum = 0;

	for (int t = 0; t < s->tasks->n; t++)
		sum += c[t] * s->manual[t] * h5_get_double(s->gram[t], group, "yw_norm2");
	free(group);
	return sum;
}

void misfits_init(struct misfits *m, int N)
{
	m->misfit = xcalloc((size_t)N, sizeof(*m->misfit));
	m->target = xcalloc((size_t)N, sizeof(*m->target));
}

void misfits_release(struct misfits *m)
{
	free(m->misfit);
	free(m->target);
}

static void misfit_H(void *arg, double cm, const double *H, int i0, int n)
{
	(void)cm;
	solve_misfit_add_H(arg, H, i0, n);
}

void equations_misfits(struct normal_equations *s, struct solve *q, const char *module,
		       const struct factors *k, const double *BtB, const double *c,
		       struct misfits *m)
{
	char *group = xformat("/modules/%s", module);

	for (int t = 0; t < s->tasks->n; t++) {
		int r = rank_of(k, t);

		solve_misfit_begin(q);
		each_panel_H(s, t, group, misfit_H, q, 1);
		solve_misfit_sum(q, c[t] * s->manual[t]);
		if (r) {
			double *AC = read_AC(s, group, t, r);

			solve_misfit_add_rows(q, k->first[t], r, AC, s->sign[t] * k->s[t]);
			free(AC);
		}
		m->target[t] = h5_get_double(s->gram[t], group, "y_norm2");
		m->misfit[t] = solve_misfit(q, BtB, m->target[t]);
	}
	free(group);
}

static void full_misfit_H(void *arg, double cm, const double *H, int i0, int n)
{
	(void)cm;
	full_weight_misfit_add_H(arg, H, i0, n);
}

static void full_misfit_C(void *arg, double cm, const double *C, int i0, int n)
{
	(void)cm;
	full_weight_misfit_add_C(arg, C, i0, n);
}

void equations_full_misfits(struct normal_equations *s, struct full_weight *x, const char *module,
			    const struct factors *k, struct misfits *m)
{
	char *group = xformat("/modules/%s", module);

	for (int t = 0; t < s->tasks->n; t++) {
		int r = rank_of(k, t);

		full_weight_misfit_begin(x);
		each_panel_H(s, t, group, full_misfit_H, x, 1);
		each_panel_C(s, t, group, full_misfit_C, x, 1);
		if (r) {
			double *AC = read_AC(s, group, t, r);

			full_weight_misfit_add_rows(x, k->first[t], r, AC, k->s[t]);
			free(AC);
		}
		m->target[t] = h5_get_double(s->gram[t], group, "yw_norm2");
		m->misfit[t] = full_weight_misfit(x, m->target[t]);
	}
	free(group);
}

double equations_residual(const struct normal_equations *s, const double *c,
			  const struct misfits *m)
{
	double misfit = 0, target = 0;

	for (int t = 0; t < s->tasks->n; t++) {
		misfit += c[t] * s->manual[t] * m->misfit[t];
		target += c[t] * s->manual[t] * m->target[t];
	}
	return target > 0 ? sqrt(misfit / target) : 0;
}

void equations_write_misfits(const struct normal_equations *s, struct h5 *out, const char *group,
			     const double *c, const struct misfits *m)
{
	size_t N = (size_t)s->tasks->n;
	double *residual = xarray(N, sizeof(*residual)), *share = xarray(N, sizeof(*share)),
	       sum = 0;

	for (size_t t = 0; t < N; t++) {
		residual[t] = m->target[t] > 0 ? sqrt(m->misfit[t] / m->target[t]) : (double)NAN;
		share[t] = c[t] * s->manual[t] * m->misfit[t];
		sum += share[t];
	}
	for (size_t t = 0; t < N && sum > 0; t++)
		share[t] /= sum;
	solution_double(out, group, "task_residual", N, 0, residual);
	solution_double(out, group, "task_share", N, 0, share);
	free(residual);
	free(share);
}

void equations_write_largest(struct normal_equations *s, struct h5 *out)
{
	int at = 0;
	double norm = -1;

	for (int t = 0; t < s->tasks->n; t++) {
		double here = h5_get_double(s->gram[t], "/", "largest_norm");

		if (here > norm) {
			norm = here;
			at = t;
		}
	}
	h5_set_string(out, "/", "largest_row_task", s->tasks->item[at]);
	h5_set_int(out, "/", "largest_row", h5_get_int(s->gram[at], "/", "largest_row"));
	h5_set_double(out, "/", "largest_row_norm", norm);
}
