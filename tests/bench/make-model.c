/* make-model: a random T5 of any geometry, and four random rank-8 adapters of it on q and v. For
 * measurements.
 *
 * The default geometry is flan-t5-large's (783 M parameters, 3.1 GB as float32). The entries of a
 * linear have the standard deviation 1/sqrt(inputs); queries 1/sqrt(D·d_kv), as T5 initialises
 * them. So the residual stream stays as small as in a trained model. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/adapter.h"
#include "base/die.h"
#include "base/opts.h"
#include "files/out.h"
#include "files/safetensors/st.h"
#include "model/geometry.h"
#include "model/t5.h"

static struct geometry m = {.family = &family_t5,
			    .D = 1024,
			    .F = 2816,
			    .NH = 16,
			    .HS = 64,
			    .DI = 1024,
			    .V = 32128,
			    .L = {24, 24},
			    .gated = true,
			    .act = BE_GELU_NEW};
static const char *out, *spiece, *tasks_arg = "emoint,emotion-cause,tec,isear";
static long seed = 1;

static const struct opt options[] = {
	{"output", 'o', OPT_STRING, &out, true, 0, 0, "DIR",
	 "folder to write model/ and loras/ into"},
	{"spiece", 0, OPT_STRING, &spiece, true, 0, 0, "FILE", "spiece.model to copy"},
	{"tasks", 0, OPT_STRING, &tasks_arg, false, 0, 0, "LIST", "one adapter each"},
	{"d-model", 0, OPT_INT, &m.D, false, 8, 8192, "N", "D"},
	{"d-ff", 0, OPT_INT, &m.F, false, 8, 65536, "N", "F"},
	{"heads", 0, OPT_INT, &m.NH, false, 1, 256, "N", "NH"},
	{"d-kv", 0, OPT_INT, &m.HS, false, 1, 1024, "N", "HS"},
	{"vocab", 0, OPT_INT, &m.V, false, 8, 1000000, "N", "V"},
	{"encoder", 0, OPT_INT, &m.L[0], false, 1, 100, "N", "encoder blocks"},
	{"decoder", 0, OPT_INT, &m.L[1], false, 1, 100, "N", "decoder blocks"},
	{"seed", 0, OPT_LONG, &seed, false, 0, 0, "N", "of the generator"},
	{.type = OPT_END},
};

static const struct tool tool = {.name = "make-model",
				 .summary = "random T5 and adapters, for measurements",
				 .opts = options};

static uint64_t state;

/* Uniform with standard deviation s. */
static float draw(double s)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (float)(((double)(state >> 11) * 0x1p-53 - 0.5) * 3.4641016151377544 * s);
}

/* A declared tensor and its standard deviation; < 0: all ones. */
struct tensor {
	char *name;
	int rows, cols;
	double s;
};
static struct tensor *list;
static int count;

static void add(char *name, int rows, int cols, double s)
{
	list = xrealloc(list, sizeof(*list) * (size_t)(count + 1));
	list[count++] = (struct tensor){name, rows, cols, s};
}

static void write_list(const char *path)
{
	struct st_out *o = st_create(path);

	for (int i = 0; i < count; i++)
		st_declare(o, list[i].name, (size_t)list[i].rows, (size_t)list[i].cols);
	for (int i = 0; i < count; i++) {
		size_t n = (size_t)list[i].rows * (size_t)(list[i].cols ? list[i].cols : 1);
		float piece[4096];

		for (size_t at = 0; at < n; at += 4096) {
			size_t some = n - at < 4096 ? n - at : 4096;

			for (size_t j = 0; j < some; j++)
				piece[j] = list[i].s < 0 ? 1.0f : draw(list[i].s);
			st_write(o, piece, some);
		}
		free(list[i].name);
	}
	st_commit(o);
	free(list);
	list = NULL;
	count = 0;
}

static double deviation(int s)
{
	double fan = module_d_in(&m, s);

	return 1 / sqrt(s == SELF_Q || s == CROSS_Q ? fan * m.HS : fan);
}

static void add_stack(int stack)
{
	static const char *const name[] = {"encoder", "decoder"};

	add(xformat("%s.block.0.layer.0.SelfAttention.relative_attention_bias.weight", name[stack]),
	    32, m.NH, 0.5);
	add(xformat("%s.final_layer_norm.weight", name[stack]), m.D, 0, -1);
	for (int b = 0; b < m.L[stack]; b++) {
		for (int n = 0; n < 2 + stack; n++)
			add(xformat("%s.block.%d.layer.%d.layer_norm.weight", name[stack], b, n),
			    m.D, 0, -1);
		for (int s = 0; s < SLOTS; s++) {
			char *q;

			if (!slot_exists(&m, stack, s))
				continue;
			q = module_name(&m, (struct module){stack, b, s});
			add(xformat("%s.weight", q), module_d_out(&m, s), module_d_in(&m, s),
			    deviation(s));
			free(q);
		}
	}
}

static void write_model(void)
{
	char *config = xformat("{\n \"architectures\": [\"T5ForConditionalGeneration\"], "
			       "\"model_type\": \"t5\", \"is_encoder_decoder\": true,\n"
			       " \"d_model\": %d, \"d_ff\": %d, \"d_kv\": %d, \"num_heads\": %d, "
			       "\"num_layers\": %d, \"num_decoder_layers\": %d,\n"
			       " \"vocab_size\": %d, \"feed_forward_proj\": \"gated-gelu\", "
			       "\"layer_norm_epsilon\": 1e-06, \"tie_word_embeddings\": false,\n"
			       " \"relative_attention_num_buckets\": 32, "
			       "\"relative_attention_max_distance\": 128, \"pad_token_id\": 0,\n"
			       " \"eos_token_id\": 1, \"decoder_start_token_id\": 0\n}\n",
			       m.D, m.F, m.HS, m.NH, m.L[0], m.L[1], m.V);
	char *path = xformat("%s/model/config.json", out);

	out_write_text(path, config);
	free(path);
	add(xstrdup("shared.weight"), m.V, m.D, 1.0);
	add(xstrdup("lm_head.weight"), m.V, m.D, 1 / sqrt(m.D));
	add_stack(0);
	add_stack(1);
	path = xformat("%s/model/model.safetensors", out);
	write_list(path);
	free(path);
	free(config);
}

static void write_adapter(const char *task)
{
	static const int slots[] = {SELF_Q, SELF_V, CROSS_Q, CROSS_V};
	char *path = xformat("%s/loras/%s/adapter_config.json", out, task);

	out_write_text(path,
		       "{\"peft_type\": \"LORA\", \"task_type\": \"SEQ_2_SEQ_LM\", "
		       "\"base_model_name_or_path\": \"made\", \"r\": 8, \"lora_alpha\": 32, "
		       "\"target_modules\": [\"q\", \"v\"],\n"
		       " \"bias\": \"none\", \"lora_dropout\": 0.0, \"inference_mode\": true}\n");
	free(path);
	for (int stack = 0; stack < 2; stack++)
		for (int b = 0; b < m.L[stack]; b++)
			for (int i = 0; i < 2 + 2 * stack; i++) {
				char *q = module_name(&m, (struct module){stack, b, slots[i]});

				add(xformat("base_model.model.%s.lora_A.weight", q), 8,
				    module_d_in(&m, slots[i]), 1 / sqrt(module_d_in(&m, slots[i])));
				add(xformat("base_model.model.%s.lora_B.weight", q),
				    module_d_out(&m, slots[i]), 8,
				    slots[i] == SELF_Q || slots[i] == CROSS_Q ? 0.01 : 0.05);
				free(q);
			}
	path = xformat("%s/loras/%s/adapter_model.safetensors", out, task);
	write_list(path);
	free(path);
}

static void copy_spiece(void)
{
	char *path = xformat("%s/model/spiece.model", out), buffer[65536];
	FILE *from = fopen(spiece, "rb"), *to = fopen(out_begin(path), "wb");
	size_t n;

	if (!from || !to)
		die("cannot copy '%s'", spiece);
	while ((n = fread(buffer, 1, sizeof(buffer), from)) > 0)
		if (fwrite(buffer, 1, n, to) != n)
			die("cannot write '%s'", path);
	fclose(from);
	if (fclose(to))
		die("cannot write '%s'", path);
	out_commit(path);
	free(path);
}

int main(int argc, char **argv)
{
	struct strlist tasks;

	opts_parse(&tool, argc, argv);
	m.DI = m.NH * m.HS;
	state = (uint64_t)seed * 0x9e3779b97f4a7c15u + 1;
	tasks = strlist_split(tasks_arg, "--tasks");
	write_model();
	copy_spiece();
	for (int t = 0; t < tasks.n; t++)
		write_adapter(tasks.item[t]);
	tool_done("%d + %d blocks, D %d, F %d, V %d, %d adapters", m.L[0], m.L[1], m.D, m.F, m.V,
		  tasks.n);
	strlist_release(&tasks);
	return 0;
}
