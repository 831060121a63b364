/* make-large: a model of any geometry in BF16 shards, adapters of it, and texts as token ids. T5 or
 * Llama, with random weights, for measurements. With --sparse the files have their sizes but no
 * data on the disk: for plans of models that no test could hold.
 *
 * The default geometry is Llama-3.1-8B's. The entries of a linear have the standard deviation
 * 1/sqrt(inputs). */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/die.h"
#include "base/opts.h"
#include "base/strlist.h"
#include "files/out.h"
#include "model/geometry.h"

static const char *out, *kind = "llama", *tasks_arg = "emoint,emotion-cause,tec,isear",
			*targets_arg = "q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj";
static int D = 4096, F = 14336, heads = 32, kv_heads = 8, width = 128, vocabulary = 128256,
	   layers = 32, rank = 16, rows = 96, tokens = 200, answer = 4;
static long seed = 1;
static double shard_gb = 5;
static bool sparse;

static const struct opt options[] = {
	{"output", 'o', OPT_STRING, &out, true, 0, 0, "DIR",
	 "folder to write model/, loras/ and data/ into"},
	{"family", 0, OPT_STRING, &kind, false, 0, 0, "NAME", "llama or t5"},
	{"tasks", 0, OPT_STRING, &tasks_arg, false, 0, 0, "LIST", "one adapter each"},
	{"targets", 0, OPT_STRING, &targets_arg, false, 0, 0, "LIST",
	 "linears of the adapters: the last parts of their names"},
	{"d-model", 0, OPT_INT, &D, false, 8, 1 << 17, "N", "D"},
	{"d-ff", 0, OPT_INT, &F, false, 8, 1 << 17, "N", "F"},
	{"heads", 0, OPT_INT, &heads, false, 1, 4096, "N", "NH"},
	{"kv-heads", 0, OPT_INT, &kv_heads, false, 1, 4096, "N", "heads of keys and values"},
	{"d-kv", 0, OPT_INT, &width, false, 2, 1024, "N", "HS"},
	{"vocab", 0, OPT_INT, &vocabulary, false, 8, 1000000, "N", "V"},
	{"layers", 0, OPT_INT, &layers, false, 1, 999, "N", "blocks of a stack"},
	{"rank", 0, OPT_INT, &rank, false, 1, 256, "N", "of the adapters"},
	{"rows", 0, OPT_INT, &rows, false, 1, 100000, "N", "rows of train.json and test.json"},
	{"tokens", 0, OPT_INT, &tokens, false, 2, 8192, "N", "of a prompt"},
	{"answer", 0, OPT_INT, &answer, false, 1, 512, "N", "tokens of an answer"},
	{"shard", 0, OPT_FLOAT, &shard_gb, false, 1e-6, 1000, "GB", "most of a file of weights"},
	{"seed", 0, OPT_LONG, &seed, false, 0, 1e9, "N", "of the generator"},
	{"sparse", 0, OPT_FLAG, &sparse, false, 0, 0, NULL, "no data on the disk"},
	{.type = OPT_END},
};

static const struct tool tool = {.name = "make-large",
				 .summary = "large random model, adapters and texts, for "
					    "measurements and plans",
				 .opts = options};

static uint64_t state;

static uint64_t draw(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Uniform with standard deviation s, as bfloat16; s 0: one. */
static uint16_t draw_bf16(double s)
{
	float x = s == 0 ? 1 : (float)(((double)(draw() >> 11) * 0x1p-53 - 0.5) * 3.4641016 * s);
	uint32_t bits;

	memcpy(&bits, &x, sizeof(bits));
	return (uint16_t)(bits >> 16);
}

/* ------------------------------------------------------------ tensors */

struct tensor {
	char *name;
	int rows, cols; /* cols 0: a vector */
	double s;       /* standard deviation; 0: all ones */
};

struct tensors {
	struct tensor *item;
	int n;
};

static void add(struct tensors *l, char *name, int n, int cols, double s)
{
	l->item = xrealloc(l->item, (size_t)(l->n + 1) * sizeof(*l->item));
	l->item[l->n++] = (struct tensor){name, n, cols, s};
}

static size_t tensor_bytes(const struct tensor *t)
{
	return (size_t)t->rows * (size_t)(t->cols ? t->cols : 1) * sizeof(uint16_t);
}

/* The header of tensors [first, last), padded to 8 bytes (allocated). */
static char *header_text(const struct tensors *l, int first, int last)
{
	json_t *header = json_object();
	size_t at = 0;

	for (int i = first; i < last; i++) {
		const struct tensor *t = &l->item[i];
		json_t *shape =
			t->cols ? json_pack("[i, i]", t->rows, t->cols) : json_pack("[i]", t->rows);

		json_object_set_new(header, t->name,
				    json_pack("{s: s, s: o, s: [I, I]}", "dtype", "BF16", "shape",
					      shape, "data_offsets", (json_int_t)at,
					      (json_int_t)(at + tensor_bytes(t))));
		at += tensor_bytes(t);
	}
	char *text = json_dumps(header, JSON_COMPACT),
	     *padded = xformat("%s%*s", text, (int)((8 - strlen(text) % 8) % 8), "");
	free(text);
	json_decref(header);
	return padded;
}

static void write_data(FILE *f, const struct tensor *t, const char *path)
{
	enum { PIECE = 65536 };
	static uint16_t piece[PIECE];

	for (size_t n = tensor_bytes(t) / sizeof(*piece); n;) {
		size_t some = n < PIECE ? n : PIECE;

		for (size_t j = 0; j < some; j++)
			piece[j] = draw_bf16(t->s);
		if (fwrite(piece, sizeof(*piece), some, f) != some)
			die("cannot write '%s'", path);
		n -= some;
	}
}

static void write_file(const char *path, const struct tensors *l, int first, int last)
{
	char *header = header_text(l, first, last);
	uint64_t length = strlen(header), bytes = sizeof(length) + length;
	FILE *f = fopen(out_begin(path), "wb");

	if (!f || fwrite(&length, sizeof(length), 1, f) != 1 || fputs(header, f) < 0)
		die("cannot write '%s'", path);
	for (int i = first; i < last; i++) {
		bytes += tensor_bytes(&l->item[i]);
		if (!sparse)
			write_data(f, &l->item[i], path);
	}
	if (fflush(f) || (sparse && ftruncate(fileno(f), (off_t)bytes)) || fclose(f))
		die("cannot write '%s'", path);
	out_commit(path);
	free(header);
}

static void tensors_release(struct tensors *l)
{
	for (int i = 0; i < l->n; i++)
		free(l->item[i].name);
	free(l->item);
}

/* ------------------------------------------------------------ the model */

static char *config_text(void)
{
	if (strcmp(kind, "t5") == 0)
		return xformat(
			"{\"architectures\": [\"T5ForConditionalGeneration\"], \"model_type\": "
			"\"t5\", \"is_encoder_decoder\": true, \"d_model\": %d, \"d_ff\": %d, "
			"\"d_kv\": %d, \"num_heads\": %d, \"num_layers\": %d, "
			"\"num_decoder_layers\": %d, \"vocab_size\": %d, "
			"\"feed_forward_proj\": \"gated-gelu\", \"layer_norm_epsilon\": 1e-06, "
			"\"tie_word_embeddings\": false, \"relative_attention_num_buckets\": "
			"32, \"relative_attention_max_distance\": 128, \"pad_token_id\": 0, "
			"\"eos_token_id\": 1, \"decoder_start_token_id\": 0}\n",
			D, F, width, heads, layers, layers, vocabulary);
	return xformat(
		"{\"architectures\": [\"LlamaForCausalLM\"], \"model_type\": \"llama\", "
		"\"hidden_size\": %d, \"intermediate_size\": %d, \"num_attention_heads\": %d, "
		"\"num_key_value_heads\": %d, \"head_dim\": %d, \"num_hidden_layers\": %d, "
		"\"vocab_size\": %d, \"hidden_act\": \"silu\", \"rms_norm_eps\": 1e-05, "
		"\"rope_theta\": 500000.0, \"max_position_embeddings\": 8192, "
		"\"tie_word_embeddings\": false, \"bos_token_id\": 1, \"eos_token_id\": 2}\n",
		D, F, heads, kv_heads, width, layers, vocabulary);
}

static double deviation(const struct geometry *m, int slot)
{
	return 1 / sqrt(module_d_in(m, slot));
}

static void add_block(struct tensors *l, const struct geometry *m, int stack, int block)
{
	const struct family_stack *f = &m->family->stack[stack];

	for (enum step s = STEP_SELF; s < STEP_END; s++)
		if (f->step[s].norm)
			add(l, name_of_block(f->step[s].norm, block), m->D, 0, 0);
	for (int s = 0; s < SLOTS; s++) {
		if (!slot_exists(m, stack, s))
			continue;
		char *name = module_name(m, (struct module){stack, block, s});
		add(l, xformat("%s.weight", name), module_d_out(m, s), module_d_in(m, s),
		    deviation(m, s));
		free(name);
	}
}

static void write_shards(struct tensors *l, const char *folder)
{
	json_t *map = json_object();
	int shard = 0;

	for (int first = 0, last; first < l->n; first = last) {
		size_t bytes = tensor_bytes(&l->item[first]);
		char *name = xformat("model-%05d.safetensors", ++shard),
		     *path = xformat("%s/%s", folder, name);

		for (last = first + 1; last < l->n; last++) {
			bytes += tensor_bytes(&l->item[last]);
			if ((double)bytes > shard_gb * 1e9)
				break;
		}
		for (int i = first; i < last; i++)
			json_object_set_new(map, l->item[i].name, json_string(name));
		write_file(path, l, first, last);
		free(path);
		free(name);
	}
	json_t *index = json_pack("{s: {}, s: o}", "metadata", "weight_map", map);
	char *text = json_dumps(index, JSON_COMPACT),
	     *path = xformat("%s/model.safetensors.index.json", folder);
	out_write_text(path, text);
	free(path);
	free(text);
	json_decref(index);
}

static void write_model(const struct geometry *m, const char *folder)
{
	const struct family *f = m->family;
	struct tensors l = {0};

	add(&l, xstrdup(f->input[0]), m->V, m->D, f->nstacks == 2 ? 1 : 0.02);
	for (int stack = 0; stack < f->nstacks; stack++) {
		if (f->stack[stack].bias)
			add(&l, xstrdup(f->stack[stack].bias), m->buckets, m->NH, 0.5);
		for (int b = 0; b < m->L[stack]; b++)
			add_block(&l, m, stack, b);
		add(&l, xstrdup(f->stack[stack].norm), m->D, 0, 0);
	}
	add(&l, xstrdup("lm_head.weight"), m->V, m->D, 1 / sqrt(m->D));
	write_shards(&l, folder);
	tensors_release(&l);
}

/* ------------------------------------------------------------ adapters and texts */

static void add_factors(struct tensors *l, const struct geometry *m, struct module q,
			const struct strlist *targets)
{
	char *name = module_name(m, q);
	bool wanted = false;

	for (int i = 0; i < targets->n; i++)
		wanted |= strcmp(strrchr(name, '.') + 1, targets->item[i]) == 0;
	if (wanted) {
		add(l, xformat("base_model.model.%s.lora_A.weight", name), rank,
		    module_d_in(m, q.slot), deviation(m, q.slot));
		add(l, xformat("base_model.model.%s.lora_B.weight", name), module_d_out(m, q.slot),
		    rank, 0.02);
	}
	free(name);
}

static void write_adapter(const struct geometry *m, const char *task)
{
	struct strlist targets = strlist_split(targets_arg, "--targets");
	char *config = xformat("%s/loras/%s/adapter_config.json", out, task),
	     *weights = xformat("%s/loras/%s/adapter_model.safetensors", out, task);
	json_t *names = json_array();
	struct tensors l = {0};

	for (int i = 0; i < targets.n; i++)
		json_array_append_new(names, json_string(targets.item[i]));
	json_t *o =
		json_pack("{s: s, s: s, s: s, s: i, s: i, s: o, s: s}", "peft_type", "LORA",
			  "task_type", m->family->task_type, "base_model_name_or_path", "made", "r",
			  rank, "lora_alpha", 2 * rank, "target_modules", names, "bias", "none");
	char *text = json_dumps(o, JSON_COMPACT);
	out_write_text(config, text);
	for (int stack = 0; stack < m->family->nstacks; stack++)
		for (int b = 0; b < m->L[stack]; b++)
			for (int s = 0; s < SLOTS; s++)
				if (slot_exists(m, stack, s))
					add_factors(&l, m, (struct module){stack, b, s}, &targets);
	write_file(weights, &l, 0, l.n);
	tensors_release(&l);
	json_decref(o);
	strlist_release(&targets);
	free(text);
	free(weights);
	free(config);
}

static json_t *random_ids(int n, int last)
{
	json_t *list = json_array();

	for (int i = 0; i < n; i++)
		json_array_append_new(
			list,
			json_integer(i == n - 1 && last
					     ? last
					     : 3 + (int)(draw() % (uint64_t)(vocabulary - 3))));
	return list;
}

/* Each row has the same number of tokens. The answers end in the model's end token. */
static void write_rows(const struct geometry *m, const char *task, const char *file)
{
	char *path = xformat("%s/data/%s/%s", out, task, file);
	int end = m->family->nstacks == 2 ? 1 : 2;
	json_t *list = json_array();

	for (int i = 0; i < rows; i++)
		json_array_append_new(list,
				      json_pack("{s: o, s: o}", "prompt_ids", random_ids(tokens, 0),
						"answer_ids", random_ids(answer, end)));
	char *text = json_dumps(list, JSON_COMPACT);
	out_write_text(path, text);
	json_decref(list);
	free(text);
	free(path);
}

int main(int argc, char **argv)
{
	opts_parse(&tool, argc, argv);
	state = (uint64_t)seed * 0x9e3779b97f4a7c15u + 1;
	if (strcmp(kind, "t5") != 0 && strcmp(kind, "llama") != 0)
		die_usage("--family '%s': expected llama or t5", kind);
	char *folder = xformat("%s/model", out), *path = xformat("%s/config.json", folder),
	     *config = config_text();
	out_write_text(path, config);
	struct geometry m = geometry_load(folder);
	write_model(&m, folder);
	struct strlist tasks = strlist_split(tasks_arg, "--tasks");
	for (int t = 0; t < tasks.n; t++) {
		write_adapter(&m, tasks.item[t]);
		write_rows(&m, tasks.item[t], "train.json");
		write_rows(&m, tasks.item[t], "test.json");
	}
	tool_done("%d layers, D %d, F %d, V %d, %d adapters of rank %d", layers, D, F, vocabulary,
		  tasks.n, rank);
	strlist_release(&tasks);
	free(config);
	free(path);
	free(folder);
	return 0;
}
