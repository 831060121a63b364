/* tiny-model.c: writes a small random T5 with tokenizer, adapters and texts, for tests: DIR/model,
 * DIR/loras/TASK, DIR/data/TASK.
 *
 * It has 2 + 2 blocks, d_model 32, d_ff 48 (--blocks, --d-ff), 2 heads of 16, and 64 pieces of
 * vocabulary. Everything comes from one seed, so that two runs give the same bytes. The model knows
 * nothing; it is made to be run, merged and broken. The tokenizer's file is sentencepiece's
 * ModelProto, written byte by byte.
 *
 * Kinds of adapters:
 * - plain: q and v, rank 4 (--rank, --alpha);
 * - rslora: the same with use_rslora;
 * - pattern: q, v, o, wi_0, wo (wi), with rank_pattern and alpha_pattern;
 * - mixed, by task: a list; rslora of another rank; a regular expression with wi_0 (wi); o and wo
 *   with rank_pattern.
 *
 * DIR/deltas/TASK.safetensors holds the changes s B A themselves, by the linears' names. Tests use
 * it to check what an adapter should mean. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/opts.h"
#include "base/rng.h"
#include "base/text.h"
#include "files/out.h"
#include "files/safetensors/st.h"
#include "model/geometry.h"
#include "model/t5.h"

static const char *output, *kind = "plain", *tasks_arg = "emoint,emotion-cause,tec,isear";
static long seed = 1;
static int rows = 60, blocks = 2, rank = 4, alpha = 8, d_ff = 48;
static bool relu, embeddings;

static const struct opt options[] = {
	{"output", 'o', OPT_STRING, &output, true, 0, 0, "DIR", "folder to write"},
	{"embeddings", 0, OPT_FLAG, &embeddings, false, 0, 0, NULL,
	 "put the model's embeddings into the adapters' files"},
	{"adapters", 0, OPT_STRING, &kind, false, 0, 0, "KIND", "plain, rslora, pattern or mixed"},
	{"tasks", 0, OPT_STRING, &tasks_arg, false, 0, 0, "LIST", "the tasks"},
	{"seed", 0, OPT_LONG, &seed, false, 0, 0, "N", "seed of everything"},
	{"rows", 0, OPT_INT, &rows, false, 1, 100000, "N",
	 "rows of each train.json; test.json has half as many"},
	{"rank", 0, OPT_INT, &rank, false, 1, 16, "N", "r of plain and rslora adapters"},
	{"alpha", 0, OPT_INT, &alpha, false, 1, 1000, "N", "lora_alpha of all adapters"},
	{"blocks", 0, OPT_INT, &blocks, false, 1, 99, "N",
	 "blocks of the encoder, and of the decoder"},
	{"d-ff", 0, OPT_INT, &d_ff, false, 1, 100000, "N", "width of the feed-forward"},
	{"relu", 0, OPT_FLAG, &relu, false, 0, 0, NULL,
	 "relu and tied embeddings, not gated GELU and untied"},
	{.type = OPT_END},
};

static const struct tool tool = {.name = "tiny-model",
				 .summary = "write a small random model with adapters and texts",
				 .opts = options};

static struct rng rng;

static const char *const WORDS[] = {"the",   "rain",    "came", "down",   "on",    "my",
				    "old",   "house",   "and",  "nobody", "saw",   "it",
				    "today", "we",      "ran",  "home",   "again", "with",
				    "dogs",  "barking", "at",   "night",  "so",    "cold"};
static const char *const LABELS[] = {"anger", "fear", "joy", "sadness"};
enum { NWORDS = sizeof(WORDS) / sizeof(*WORDS), NLABELS = sizeof(LABELS) / sizeof(*LABELS) };

/* ------------------------------------------------------------ model */

static struct st_out *begin(const char *folder, const char *file)
{
	char *path = xformat("%s/%s/%s", output, folder, file);
	struct st_out *o = st_create(path);

	free(path);
	return o;
}

static void write_file(const char *folder, const char *file, const char *text)
{
	char *path = xformat("%s/%s/%s", output, folder, file);

	out_write_text(path, text);
	free(path);
}

/* Uniform numbers with mean `mean` and standard deviation sd. */
static void random_tensor(struct st_out *o, size_t n, double mean, double sd)
{
	float *x = xarray(n, sizeof(*x));

	for (size_t i = 0; i < n; i++)
		x[i] = (float)(mean + sd * sqrt(12) * (rng_uniform(&rng) - 0.5));
	st_write(o, x, n);
	free(x);
}

/* Tensors are declared in a first pass and written in a second; `write`: the second. */
static void tensor(struct st_out *o, bool write, const char *name, int n, int m, double mean,
		   double sd)
{
	if (write)
		random_tensor(o, (size_t)n * (size_t)(m ? m : 1), mean, sd);
	else
		st_declare(o, name, (size_t)n, (size_t)m);
}

static void linear(struct st_out *o, bool write, const struct geometry *m, struct module q)
{
	char *name = module_name(m, q), *weight = xformat("%s.weight", name);
	/* T5's own initialisation: variance 1/d_in. The variance of q is divided by the head's
	 * size, because T5 does not divide the scores by its root. */
	double sd = 1 / sqrt(module_d_in(m, q.slot)) /
		    (q.slot == SELF_Q || q.slot == CROSS_Q ? sqrt(m->HS) : 1);

	tensor(o, write, weight, module_d_out(m, q.slot), module_d_in(m, q.slot), 0, sd);
	free(weight);
	free(name);
}

static void stack(struct st_out *o, bool write, const struct geometry *m, int s)
{
	static const char *const name[] = {"encoder", "decoder"};
	char *bias =
		xformat("%s.block.0.layer.0.SelfAttention.relative_attention_bias.weight", name[s]);
	char *last = xformat("%s.final_layer_norm.weight", name[s]);

	tensor(o, write, bias, m->buckets, m->NH, 0, 0.5);
	for (int b = 0; b < m->L[s]; b++) {
		for (int k = 0; k < 2 + s; k++) {
			char *norm =
				xformat("%s.block.%d.layer.%d.layer_norm.weight", name[s], b, k);

			tensor(o, write, norm, m->D, 0, 1, 0.1);
			free(norm);
		}
		for (int k = 0; k < SLOTS; k++)
			if (slot_exists(m, s, k))
				linear(o, write, m, (struct module){s, b, k});
	}
	tensor(o, write, last, m->D, 0, 1, 0.1);
	free(bias);
	free(last);
}

static void weights(const struct geometry *m)
{
	struct st_out *o = begin("model", "model.safetensors");

	for (int write = 0; write < 2; write++) {
		tensor(o, write, "shared.weight", m->V, m->D, 0, 1);
		stack(o, write, m, 0);
		stack(o, write, m, 1);
		if (!m->tied)
			tensor(o, write, "lm_head.weight", m->V, m->D, 0, 0.5);
	}
	st_commit(o);
}

static struct geometry config(void)
{
	char *text = xformat("{\"model_type\": \"t5\", \"d_model\": 32, \"d_ff\": %d, \"d_kv\": "
			     "16, \"num_heads\": 2, \"num_layers\": %d, "
			     "\"num_decoder_layers\": %d, \"vocab_size\": 64, "
			     "\"feed_forward_proj\": \"%s\", \"tie_word_embeddings\": %s}\n",
			     d_ff, blocks, blocks, relu ? "relu" : "gated-gelu",
			     relu ? "true" : "false");
	char *dir = xformat("%s/model", output);
	struct geometry m;

	write_file("model", "config.json", text);
	m = geometry_load(dir);
	free(dir);
	free(text);
	return m;
}

/* ------------------------------------------------------------ tokenizer */

enum piece_type { NORMAL = 1, UNKNOWN = 2, CONTROL = 3 };

/* Field 1 (repeated) of the model: {1: text, 2: score (a little-endian float), 3: type}. All
 * lengths are under 128: one byte each. */
static void piece(FILE *f, const char *text, float score, enum piece_type type)
{
	size_t n = strlen(text);

	fprintf(f, "%c%c%c%c%s%c", 1 << 3 | 2, (int)(2 + n + 5 + 2), 1 << 3 | 2, (int)n, text,
		2 << 3 | 5);
	fwrite(&score, sizeof(score), 1, f);
	fprintf(f, "%c%c", 3 << 3, type);
}

static void word_piece(FILE *f, const char *word)
{
	char *text = xformat("▁%s", word);

	piece(f, text, -3, NORMAL);
	free(text);
}

static void tokenizer(void)
{
	char *path = xformat("%s/model/spiece.model", output), letter[2] = "";
	FILE *f = fopen(path, "wb");

	if (!f)
		die("cannot create '%s'", path);
	piece(f, "<pad>", 0, CONTROL);
	piece(f, "</s>", 0, CONTROL);
	piece(f, "<unk>", 0, UNKNOWN);
	piece(f, "▁", -4, NORMAL);
	for (letter[0] = 'a'; letter[0] <= 'z'; letter[0]++)
		piece(f, letter, -8, NORMAL);
	for (int i = 0; i < NWORDS; i++)
		word_piece(f, WORDS[i]);
	for (int i = 0; i < NLABELS; i++)
		word_piece(f, LABELS[i]);
	fwrite("\x12\x02\x18\x01", 1, 4,
	       f); /* field 2: the trainer's settings, {3: model type 1, unigram} */
	if (fclose(f))
		die("cannot write '%s'", path);
	free(path);
}

/* ------------------------------------------------------------ adapters */

static int is_kind(const char *name, int task)
{
	static const char *const mixed[] = {"plain", "rslora", "regex", "pattern"};

	return !strcmp(strcmp(kind, "mixed") ? kind : mixed[task % 4], name);
}

static bool targeted(int task, int s)
{
	bool q_or_v = s == SELF_Q || s == SELF_V || s == CROSS_Q || s == CROSS_V,
	     wide = s == WI || s == WI_0;

	if (is_kind("regex", task))
		return q_or_v || wide;
	if (is_kind("pattern", task))
		return q_or_v || wide || s == SELF_O || s == CROSS_O || s == WO;
	return q_or_v;
}

/* As the adapter_config.json below says. */
static int rank_of(int task, int s)
{
	if (is_kind("pattern", task))
		return s == SELF_O || s == CROSS_O ? 2 : s == WO ? 5 : 4;
	return is_kind("rslora", task) && !strcmp(kind, "mixed") ? 3 : rank;
}

/* What PEFT makes of it: alpha / r, or alpha / sqrt(r), with the module's own alpha and r. */
static double scale_of(int task, int s)
{
	double own = is_kind("pattern", task) ? s == CROSS_Q ? 3 : s == WO ? 10 : alpha : alpha;

	return own / (is_kind("rslora", task) ? sqrt(rank_of(task, s)) : rank_of(task, s));
}

static void adapter_tensors(struct st_out *o, bool write, const struct geometry *m, int task)
{
	for (int s = 0; s < 2; s++)
		for (int i = 0; i < m->L[s] * SLOTS; i++) {
			struct module q = {s, i / SLOTS, (i % SLOTS)};
			int r = rank_of(task, q.slot);
			char *name, *A, *B;

			if (!slot_exists(m, s, q.slot) || !targeted(task, q.slot))
				continue;
			name = module_name(m, q);
			A = xformat("base_model.model.%s.lora_A.weight", name);
			B = xformat("base_model.model.%s.lora_B.weight", name);
			tensor(o, write, A, r, module_d_in(m, q.slot), 0,
			       1 / sqrt(module_d_in(m, q.slot)));
			tensor(o, write, B, module_d_out(m, q.slot), r, 0, 0.1);
			free(A);
			free(B);
			free(name);
		}
}

/* ΔW (d_out, d_in) of a module, from the adapter's file. */
static float *delta(const struct st *file, const char *name, int r, int d_out, int d_in,
		    double scale)
{
	char *a = xformat("base_model.model.%s.lora_A.weight", name),
	     *b = xformat("base_model.model.%s.lora_B.weight", name);
	float *A = xarray((size_t)(r * d_in), sizeof(*A)),
	      *B = xarray((size_t)(d_out * r), sizeof(*B));
	float *W = xarray((size_t)(d_out * d_in), sizeof(*W));

	st_read(file, st_need(file, a, (size_t)r, (size_t)d_in), 0, (size_t)(r * d_in), A);
	st_read(file, st_need(file, b, (size_t)d_out, (size_t)r), 0, (size_t)(d_out * r), B);
	for (int i = 0; i < d_out; i++)
		for (int j = 0; j < d_in; j++) {
			double sum = 0;

			for (int k = 0; k < r; k++)
				sum += (double)B[i * r + k] * (double)A[k * d_in + j];
			W[i * d_in + j] = (float)(scale * sum);
		}
	free(B);
	free(A);
	free(b);
	free(a);
	return W;
}

static void delta_tensors(struct st_out *o, bool write, const struct geometry *m,
			  const struct st *file, int task)
{
	for (int s = 0; s < 2; s++)
		for (int i = 0; i < m->L[s] * SLOTS; i++) {
			struct module q = {s, i / SLOTS, (i % SLOTS)};
			int d_in = module_d_in(m, q.slot), d_out = module_d_out(m, q.slot);
			char *name;
			float *W;

			if (!slot_exists(m, s, q.slot) || !targeted(task, q.slot))
				continue;
			name = module_name(m, q);
			if (write) {
				W = delta(file, name, rank_of(task, q.slot), d_out, d_in,
					  scale_of(task, q.slot));
				st_write(o, W, (size_t)(d_out * d_in));
				free(W);
			} else {
				st_declare(o, name, (size_t)d_out, (size_t)d_in);
			}
			free(name);
		}
}

static void deltas(const struct geometry *m, const char *name, int task)
{
	char *path = xformat("%s/loras/%s/adapter_model.safetensors", output, name),
	     *file = xformat("%s.safetensors", name);
	struct st *adapter = st_open(path);
	struct st_out *o = begin("deltas", file);

	for (int write = 0; write < 2; write++)
		delta_tensors(o, write, m, adapter, task);
	st_commit(o);
	st_close(adapter);
	free(file);
	free(path);
}

/* The model's embeddings, as PEFT's save_embedding_layers writes them. */
static void embedding_tensors(struct st_out *o, bool write, const struct geometry *m)
{
	static const char *const names[] = {"shared.weight", "lm_head.weight"};
	char *path = xformat("%s/model", output);
	struct st *model = st_open(path);
	size_t n = (size_t)m->V * (size_t)m->D;
	float *x = xarray(n, sizeof(*x));

	for (int i = 0; i < 2 - m->tied; i++) {
		char *name = xformat("base_model.model.%s", names[i]);

		st_read(model, st_need(model, names[i], (size_t)m->V, (size_t)m->D), 0, n, x);
		if (write)
			st_write(o, x, n);
		else
			st_declare(o, name, (size_t)m->V, (size_t)m->D);
		free(name);
	}
	free(x);
	st_close(model);
	free(path);
}

static void adapter(const struct geometry *m, const char *name, int task)
{
	char *folder = xformat("loras/%s", name), *text;
	const char *wide = relu ? "wi" : "wi_0", *more = "";
	struct st_out *o = begin(folder, "adapter_model.safetensors");
	char *targets;

	if (is_kind("regex", task)) {
		targets = xformat("\".*\\\\.(q|v|%s)\"", wide);
	} else if (is_kind("pattern", task)) {
		targets = xformat("[\"q\", \"v\", \"o\", \"wo\", \"%s\"]", wide);
		more = ", \"rank_pattern\": {\"o\": 2, \"DenseReluDense.wo\": 5}, "
		       "\"alpha_pattern\": {\"EncDecAttention.q\": 3, \"wo\": 10}";
	} else {
		targets = xstrdup("[\"q\", \"v\"]");
	}
	/* One base model; in one config it is written as a path with a slash. */
	text = xformat("{\"peft_type\": \"LORA\", \"base_model_name_or_path\": \"tiny%s\", \"r\": "
		       "%d, \"lora_alpha\": %d, \"target_modules\": %s, \"bias\": \"none\", "
		       "\"use_rslora\": %s%s}\n",
		       task == 1 ? "/" : "", rank_of(task, SELF_Q), alpha, targets,
		       is_kind("rslora", task) ? "true" : "false", more);
	for (int write = 0; write < 2; write++) {
		adapter_tensors(o, write, m, task);
		if (embeddings)
			embedding_tensors(o, write, m);
	}
	st_commit(o);
	write_file(folder, "adapter_config.json", text);
	free(text);
	free(targets);
	free(folder);
}

/* ------------------------------------------------------------ texts */

static void texts(const char *task, const char *file, int n)
{
	char *folder = xformat("data/%s", task);
	struct text s = {0};

	for (int i = 0; i < n; i++) {
		int words = 5 + (int)rng_below(&rng, 8);

		text_add(&s, "%s{\"instruction\": \"", i ? ",\n " : "[");
		for (int w = 0; w < words; w++)
			text_add(&s, "%s%s", w ? " " : "", WORDS[rng_below(&rng, NWORDS)]);
		text_add(&s, "\", \"output\": \"%s\"}", LABELS[i % NLABELS]);
	}
	text_add(&s, "]\n");
	write_file(folder, file, text_get(&s));
	text_release(&s);
	free(folder);
}

int main(int argc, char **argv)
{
	struct strlist tasks;
	struct geometry m;

	opts_parse(&tool, argc, argv);
	rng_seed(&rng, (uint64_t)seed);
	tasks = strlist_split(tasks_arg, "--tasks");
	m = config();
	weights(&m);
	tokenizer();
	for (int t = 0; t < tasks.n; t++) {
		adapter(&m, tasks.item[t], t);
		deltas(&m, tasks.item[t], t);
		texts(tasks.item[t], "train.json", rows);
		texts(tasks.item[t], "test.json", rows / 2 + 1);
	}
	strlist_release(&tasks);
	return 0;
}
