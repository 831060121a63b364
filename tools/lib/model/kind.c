/* kind.c: see kind.h. */
#include "model/kind.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "files/checksums.h"
#include "files/exists.h"
#include "files/jsonx.h"

/* The known model_types, and the architecture of each that generates text. */
static const struct kind {
	const char *type, *architecture;
	const struct family *family;
} KINDS[] = {
	{"t5", "T5ForConditionalGeneration", &family_t5},
	{"llama", "LlamaForCausalLM", &family_llama},
	{"mistral", "MistralForCausalLM", &family_llama},
	{"qwen2", "Qwen2ForCausalLM", &family_llama},
	{"qwen3", "Qwen3ForCausalLM", &family_llama},
	{"gemma2", "Gemma2ForCausalLM", &family_gemma},
	{"phi3", "Phi3ForCausalLM", &family_phi3},
};
#define WHAT_TO_DO                                                                            \
	"MODEL must be the model that the adapters were trained on, with its language model " \
	"head"

static bool ends_with(const char *s, const char *tail)
{
	size_t n = strlen(s), k = strlen(tail);
	return n >= k && strcmp(s + n - k, tail) == 0;
}

static bool starts_with(const char *s, const char *head)
{
	return strncmp(s, head, strlen(head)) == 0;
}

/* ---- The folder ---- */

void kind_check_folder(const char *dir)
{
	static const struct {
		const char *file, *what;
	} OTHER[] = {
		{"adapter_config.json", "an adapter and no model; its key base_model_name_or_path "
					"names the model that MODEL must be"},
		{"model_index.json",
		 "a diffusers pipeline and no model; the T5 in it has no decoder"},
		{"sentence_bert_config.json",
		 "a sentence-transformers model, which has no decoder"},
		{"snapshots",
		 "the hub's cache of a model; the model itself is in a folder under snapshots/"},
		{"params.json", "a model in its publisher's own format; transformers' conversion "
				"scripts make a folder with config.json"},
	};
	char *config = xformat("%s/config.json", dir);
	checksums_expect(config);
	free(config);
	if (file_is_in(dir, "config.json"))
		return;
	for (size_t i = 0; i < sizeof(OTHER) / sizeof(*OTHER); i++)
		if (file_is_in(dir, OTHER[i].file))
			die("cannot open '%s/config.json': %s: the folder holds %s", dir,
			    strerror(ENOENT), OTHER[i].what);
}

/* ---- config.json ---- */

/* The first entry of "architectures", or NULL. */
static const char *first_architecture(const json_t *config)
{
	return json_string_value(json_array_get(json_object_get(config, "architectures"), 0));
}

static const struct kind *kind_of(const json_t *config, const char *path)
{
	const char *type = jsonx_string(config, path, "model_type"),
		   *name = first_architecture(config);
	for (size_t i = 0; i < sizeof(KINDS) / sizeof(*KINDS); i++)
		if (strcmp(type, KINDS[i].type) == 0)
			return &KINDS[i];
	die("'%s': model_type: expected t5 (T5, T5 v1.1, Flan-T5), llama, mistral, qwen2, qwen3, "
	    "gemma2 or phi3, found '%s'%s%s: adapters of other models cannot be merged here",
	    path, type, name ? ", architecture " : "", name ? name : "");
}

/* What an architecture lacks; NULL: it generates text. T5Model has no head of its own; a tied model
 * needs none. */
static const char *shortcoming(const struct kind *kind, const char *name)
{
	static const struct {
		const char *part, *what;
	} CASE[] = {
		{"EncoderModel", "has no decoder, so it gives no answers"},
		{"ForSequenceClassification", "has a classifier's head and gives no text"},
		{"ForTokenClassification", "has a classifier's head and gives no text"},
		{"ForQuestionAnswering", "has a head that marks spans and gives no text"},
	};
	bool t5 = kind->family == &family_t5;
	if (strcmp(name, kind->architecture) == 0 ||
	    (t5 && (strcmp(name, "T5Model") == 0 || strcmp(name, "T5WithLMHeadModel") == 0)))
		return NULL;
	for (size_t i = 0; i < sizeof(CASE) / sizeof(*CASE); i++)
		if (strstr(name, CASE[i].part))
			return CASE[i].what;
	return "is not known here";
}

static void check_architectures(const struct kind *kind, const json_t *config, const char *path)
{
	const json_t *list = json_object_get(config, "architectures"), *item;
	size_t i;
	if (list && !json_is_null(list) && !json_is_array(list))
		die("'%s': architectures: expected a list of names", path);
	json_array_foreach ((json_t *)list, i, item) {
		const char *what;
		if (!json_is_string(item))
			die("'%s': architectures: expected a list of names", path);
		what = shortcoming(kind, json_string_value(item));
		if (what)
			die("'%s': architectures: expected %s, found '%.100s', which %s; %s", path,
			    kind->architecture, json_string_value(item), what, WHAT_TO_DO);
	}
}

static void check_quantization(const json_t *config, const char *path)
{
	const json_t *q = json_object_get(config, "quantization_config");
	const char *method = json_string_value(json_object_get(q, "quant_method"));
	if (q && !json_is_null(q))
		die("'%s': quantization_config%s%.50s: quantised weights are not read; take the "
		    "folder that was quantised (F32, F16 or BF16)",
		    path, method ? ": " : "", method ? method : "");
}

const struct family *kind_of_config(const json_t *config, const char *path)
{
	const struct kind *kind;
	if (!json_is_object(config))
		die("'%s': expected a JSON object", path);
	kind = kind_of(config, path);
	check_architectures(kind, config, path);
	check_quantization(config, path);
	if (kind->family->nstacks == 2 && !jsonx_bool_or(config, path, "is_encoder_decoder", true))
		die("'%s': is_encoder_decoder is false: the model has no decoder, so it gives no "
		    "answers; %s",
		    path, WHAT_TO_DO);
	return kind->family;
}

/* ---- Tensors ---- */

/* Where one tensor's name or type tells what the model is: the middle of the message. Else NULL. */
static const char *what_it_means(const struct st_tensor *t)
{
	static const char *const head[] = {"classification_head.", "classifier.", "qa_outputs.",
					   "score."};
	static const char *const quantised[] = {".SCB",          ".absmax",       ".quant_map",
						".qweight",      ".qzeros",       ".scales",
						".weight_scale", ".weight_format"};
	for (size_t i = 0; i < sizeof(head) / sizeof(*head); i++)
		if (starts_with(t->name, head[i]))
			return "is a classifier's head: the model gives no text; " WHAT_TO_DO;
	for (size_t i = 0; i < sizeof(quantised) / sizeof(*quantised); i++)
		if (strstr(t->name, quantised[i]))
			return "belongs to quantised weights, which are not read; take the folder "
			       "that was quantised (F32, F16 or BF16)";
	if (strstr(t->name, ".lora_A") || strstr(t->name, ".base_layer."))
		return "belongs to an adapter inside the model; merge it in Python "
		       "(merge_and_unload) and save the model again, or take its base";
	return NULL;
}

/* "module.shared.weight": a wrapper adds what precedes the name of the input embedding. */
static void check_wrapper(const struct st *st, const struct st_tensor *t, const char *input)
{
	size_t tail = strlen(input), n = strlen(t->name);
	if (n > tail && ends_with(t->name, input) && t->name[n - tail - 1] == '.')
		die("'%s': tensor '%s': expected the name '%s'; the model was saved inside a "
		    "wrapper ('%.*s'); save the model itself",
		    st_file(st, t), t->name, input, (int)(n - tail - 1 < 60 ? n - tail - 1 : 60),
		    t->name);
}

void kind_check_tensors(const struct st *st, const struct family *f)
{
	bool decoder = f->nstacks == 1;
	for (int i = 0; i < st_count(st); i++) {
		const struct st_tensor *t = st_at(st, i);
		const char *what = what_it_means(t);
		if (what)
			die("'%s': tensor '%s' %s", st_file(st, t), t->name, what);
		check_wrapper(st, t, f->input[0]);
		if (t->dtype == ST_OTHER && ends_with(t->name, ".weight"))
			die("'%s': tensor '%s': expected F32, F16 or BF16, found %s",
			    st_file(st, t), t->name, t->type);
		decoder |= starts_with(t->name, "decoder.block.");
	}
	if (!decoder && st_count(st) > 0)
		die("'%s': no tensor 'decoder.block…': the model has no decoder, so it gives no "
		    "answers; %s",
		    st_file(st, st_at(st, 0)), WHAT_TO_DO);
}
