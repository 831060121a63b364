/* test_families.c: small random decoder-only models against transformers in float64
 * (tests/oracle/families.py): the rows of every site, the output of every layer, the normed output,
 * the logits.
 *
 * Tolerance: max |a − b| / max |b| ≤ 1e-5 per place, the product's own bound. Ignoring an option
 * gives an error of 0.1 or more (tests/golden/families/README.md). */
#include <math.h>

#include "backend/be.h"
#include "forward/generate.h"
#include "golden.h"

#define TOLERANCE 1e-5
#define FAMILIES GOLDEN "/families"

struct golden {
	struct model *model;
	struct st *want;
	struct seqs seqs;
	double worst;
};

/* The first n sequences; 0: all. */
static void seqs_read(struct seqs *s, json_t *list, size_t n)
{
	int total = 0, length[8], offset[8], ids[256];

	n = n ? n : json_array_size(list);
	assert_true(n <= 8);
	for (size_t i = 0; i < n; i++) {
		json_t *one = json_array_get(list, i);

		offset[i] = total;
		length[i] = (int)json_array_size(one);
		for (size_t k = 0; k < json_array_size(one); k++)
			ids[total++] = (int)json_integer_value(json_array_get(one, k));
	}
	seqs_init(s, (int)n, length, offset, ids, 0, 0);
}

/* Compares the first rows of a tensor with x (rows, width) in backend memory. */
static void compare(struct golden *g, const char *name, const float *x, int rows, int width)
{
	size_t n = (size_t)rows * (size_t)width;
	const struct st_tensor *t = st_find(g->want, name);
	float *want = xarray(n, sizeof(*want)), *have = xarray(n, sizeof(*have));
	double worst = 0, largest = 0;

	if (!t || t->dim[0] < (size_t)rows || t->dim[1] != (size_t)width)
		fail_msg("%s: no tensor of %d columns and %d rows at least", name, width, rows);
	st_read(g->want, t, 0, n, want);
	be->get(have, x, n * sizeof(*have));
	for (size_t i = 0; i < n; i++) {
		double e = fabs((double)have[i] - (double)want[i]);

		worst = e <= worst ? worst : e; /* NaN counts as the largest */
		largest = fmax(largest, fabs((double)want[i]));
	}
	if (!(worst / largest <= TOLERANCE))
		fail_msg("%s: %s: error %.2e", g->model->dir, name, worst / largest);
	g->worst = fmax(g->worst, worst / largest);
	free(want);
	free(have);
}

/* The rows of the block's sites, then its output. H (rows, D) is the block's input, and becomes its
 * output. */
static void check_block(struct golden *g, int index, struct work *w, float *H)
{
	static const char *const site[STEP_END] = {"self", "out", [STEP_FFN] = "ffn", "down"};
	const struct geometry *m = &g->model->m;
	const struct seqs *s = &g->seqs;
	struct batch batch = {
		.n = s->n, .off = s->off, .len = s->len, .valid = s->valid, .rows = s->rows};
	size_t bytes = (size_t)s->rows * (size_t)m->D * sizeof(float);
	float *start = xmalloc(bytes);
	struct block_deltas none = {{NULL}};
	struct block b;

	block_load(&b, NULL, g->model, 0, index, way_between(STEP_SELF, STEP_END), BE_F32);
	be->get(start, H, bytes);
	for (enum step to = STEP_SELF; to <= STEP_END; to = family_next_step(m->family, 0, to)) {
		struct site at = {0, index, to};
		char *name = to < STEP_END ? xformat("layer%02d-%s", index, site[to])
					   : xformat("layer%02d", index);

		be->put(H, start, bytes);
		block_run(&b, &none, w, &batch, NULL, H, to);
		compare(g, name, to < STEP_END ? w->x : H, s->rows, site_width(m, at));
		free(name);
		if (to == STEP_END)
			break;
	}
	block_release(&b);
	free(start);
}

/* The tools' whole pass must give what the blocks gave. Each sequence's last logits are checked by
 * the two largest, which a pass keeps. */
static void check_pass(struct golden *g)
{
	struct forward f = {.model = g->model,
			    .nsources = 1,
			    .source = &(struct delta_source){0},
			    .precision = BE_F32};
	const struct seqs *s = &g->seqs;
	const struct st_tensor *t = st_find(g->want, "logits");
	struct prediction *p = xarray((size_t)s->rows, sizeof(*p));
	int *target = xarray((size_t)s->rows, sizeof(int));
	size_t V = (size_t)g->model->m.V;
	float *want = xarray(V, sizeof(*want));

	for (int i = 0; i < s->rows; i++)
		target[i] = (i * 7 + 1) % (int)V;
	forward_decode(&f, NULL, NULL, s, NULL, target, NULL, p);
	for (int i = 0; i < s->n; i++) {
		double sum = 0;
		const struct prediction *last = &p[s->off[i] + s->len[i] - 1];
		size_t best = 0;

		st_read(g->want, t, (size_t)i * V, V, want);
		for (size_t k = 0; k < V; k++) {
			best = want[k] > want[best] ? k : best;
			sum += exp((double)want[k]);
		}
		assert_int_equal(last->id, best);
		assert_true(fabs((double)last->top - (double)want[best]) <=
			    1e-5 * fabs((double)want[best]));
		double nll = log(sum) - (double)want[target[s->off[i] + s->len[i] - 1]];

		assert_true(fabs(last->nll - nll) <= 1e-5 * (1 + nll));
	}
	free(target);
	free(want);
	free(p);
}

/* Runs prompts without their last three tokens and keeps the result. Then runs the rest behind
 * them. The predictions must equal those for the whole sequences. */
static void check_behind(struct golden *g)
{
	struct forward f = {.model = g->model,
			    .nsources = 1,
			    .source = &(struct delta_source){0},
			    .precision = BE_F32};
	const struct seqs *s = &g->seqs;
	struct prediction *whole = xarray((size_t)s->rows, sizeof(*whole)),
			  *behind = xarray((size_t)s->rows, sizeof(*behind));
	int length[8], answer[8], start[8], ids[256], which[8], n = 0, at = 0;
	struct seqs prompts, answers;

	forward_decode(&f, NULL, NULL, s, NULL, NULL, NULL, whole);
	for (int i = s->n - 1; i >= 0; i--, n++) { /* in another order */
		length[n] = s->len[i] > 3 ? s->len[i] - 3 : 1;
		answer[n] = s->len[i] - length[n] + 1;
		start[n] = at;
		which[n] = i;
		memcpy(ids + at, s->ids + s->off[i] + length[n] - 1,
		       sizeof(int) * (size_t)answer[n]);
		ids[at] = -1;
		at += answer[n];
	}
	seqs_init(&answers, n, answer, start, ids, 0, 0);
	for (int i = 0; i < n; i++)
		length[i] = s->len[i] > 3 ? s->len[i] - 3 : 1;
	seqs_init(&prompts, s->n, length, s->off, s->ids, 0, 0);
	float *H = be->alloc((size_t)prompts.rows * prompt_floats(&g->model->m) * sizeof(*H));

	forward_encode(&f, &prompts, H);
	forward_decode(&f, &prompts, H, &answers, which, NULL, NULL, behind);
	for (int i = 0; i < n; i++)
		for (int k = 0; k < answers.len[i]; k++) {
			const struct prediction
				*a = &behind[answers.off[i] + k],
				*b = &whole[s->off[which[i]] + prompts.len[which[i]] - 1 + k];

			assert_int_equal(a->id, b->id);
			assert_true(fabs((double)(a->top - b->top)) <= 1e-5 * fabs((double)b->top));
		}
	be->free(H);
	seqs_release(&prompts);
	seqs_release(&answers);
	free(whole);
	free(behind);
}

/* Greedy answers to the sequences, token by token, each by a pass over the whole sequence. */
static void plain_greedy(const struct forward *f, const struct seqs *s, int i, int n, int *answer)
{
	int ids[64], length, offset = 0;
	struct prediction p[64];

	memcpy(ids, s->ids + s->off[i], sizeof(int) * (size_t)s->len[i]);
	for (int k = 0; k < n; k++) {
		struct seqs one;

		length = s->len[i] + k;
		seqs_init(&one, 1, &length, &offset, ids, 0, 0);
		forward_decode(f, NULL, NULL, &one, NULL, NULL, NULL, p);
		answer[k] = ids[length] = p[length - 1].id;
		seqs_release(&one);
	}
}

/* generate() with drafts that are wrong at their first, second or third token. */
static void check_generation(struct golden *g)
{
	enum { NEW = 5 };
	struct model *model = g->model;
	struct forward f = {.model = model,
			    .nsources = 1,
			    .source = &(struct delta_source){0},
			    .precision = BE_F32};
	const struct seqs *s = &g->seqs;
	int want[8][NEW], length[8], offset[8], draft[8 * NEW];
	float *H = be->alloc((size_t)s->rows * prompt_floats(&model->m) * sizeof(*H));
	struct generation made;

	model->m.decoding.neos = 0;
	for (int i = 0; i < s->n; i++) {
		plain_greedy(&f, s, i, NEW, want[i]);
		length[i] = 1 + i % 3;
		offset[i] = i * NEW;
		memcpy(draft + offset[i], want[i], sizeof(want[i]));
		draft[offset[i] + length[i] - 1] = (want[i][length[i] - 1] + 1) % model->m.V;
	}
	forward_encode(&f, s, H);
	generate(&f, s, H, length, offset, draft, NEW, &made);
	for (int i = 0; i < s->n; i++) {
		assert_int_equal(made.length[i], NEW);
		assert_memory_equal(made.ids + (size_t)i * NEW, want[i], sizeof(want[i]));
	}
	generation_release(&made);
	be->free(H);
}

static void check_model(const char *name, size_t sequences)
{
	char *dir = xformat("%s/%s", FAMILIES, name), *json = xformat("%s/states.json", dir),
	     *tensors = xformat("%s/states.safetensors", dir);
	json_t *j = golden_json(json);
	struct golden g = {.model = model_open(dir), .want = st_open(tensors)};
	const struct geometry *m = &g.model->m;
	struct work w;
	float *H, *norm, *host;

	seqs_read(&g.seqs, golden_get(j, "sequences"), sequences);
	size_t bytes = (size_t)g.seqs.rows * (size_t)m->D * sizeof(float);
	host = xmalloc(bytes);
	H = be->alloc(bytes);
	model_embed(g.model, g.seqs.ids, g.seqs.rows, host);
	be->put(H, host, bytes);
	work_init(&w, NULL, g.model, 0, g.seqs.rows, g.seqs.longest, 1);
	for (int b = 0; b < m->L[0]; b++)
		check_block(&g, b, &w, H);
	norm = model_final_norm(g.model, NULL, 0);
	be->rmsnorm(H, H, norm, g.seqs.rows, m->D, m->eps);
	compare(&g, "norm", H, g.seqs.rows, m->D);
	check_pass(&g);
	check_behind(&g);
	if (!sequences)
		check_generation(&g);
	print_message("# %s: worst error %.1e\n", name, g.worst);
	be->free(norm);
	be->free(H);
	work_release(&w);
	seqs_release(&g.seqs);
	st_close(g.want);
	model_close(g.model);
	json_decref(j);
	free(host);
	free(tensors);
	free(json);
	free(dir);
}

static void test_models(void **state)
{
	static const char *const name[] = {"llama",
					   "llama-tied",
					   "llama-defaults",
					   "llama-bias",
					   "llama-theta",
					   "llama-linear",
					   "llama-llama3",
					   "llama-yarn",
					   "llama-yarn-mscale",
					   "llama-yarn-plain",
					   "llama-v5",
					   "mistral",
					   "mistral-full",
					   "qwen2",
					   "qwen2-window",
					   "qwen2-types",
					   "qwen3",
					   "qwen3-bias",
					   "gemma2",
					   "phi3",
					   "phi3-partial"};

	(void)state;
	for (size_t i = 0; i < sizeof(name) / sizeof(*name); i++)
		check_model(name[i], 0);
}

/* The rotation is defined for up to max_position_embeddings tokens. */
static void run_long(void *arg)
{
	(void)arg;
	check_model("llama-dynamic", 0);
}

static void test_dynamic(void **state)
{
	(void)state;
	check_model("llama-dynamic", 2);
	struct child c = child_run(run_long, NULL);

	assert_int_equal(c.code, EXIT_WORLD);
	assert_true(child_said(&c, "a text has 17 tokens, but"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_models),
					   cmocka_unit_test(test_dynamic)};

	return cmocka_run_group_tests_name("families", tests, NULL, NULL);
}
