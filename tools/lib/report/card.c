/* card.c: see card.h. */
#include "report/card.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"

/* ------------------------------------------------------------ texts of the user */

/* As Markdown: a reference by number is never a mark of Markdown or HTML (CommonMark 0.30, 2.5). */
static void put_text(struct text *out, const char *s)
{
	for (; *s; s++)
		if (isascii((unsigned char)*s) && !isalnum((unsigned char)*s) &&
		    !strchr(" -.,", *s))
			text_add(out, "&#%d;", *s);
		else
			text_add(out, "%c", *s);
}

/* As a string between double quotes, in YAML and Python: JSON's escapes are theirs, too. */
static void put_quoted(struct text *out, const char *s)
{
	json_t *string = json_string(s);
	char *quoted = json_dumps(string, JSON_ENCODE_ANY);
	if (!quoted)
		die("'%s' is not UTF-8", s);
	text_add(out, "%s", quoted);
	free(quoted);
	json_decref(string);
}

static const char *setting(const struct card *c, const char *key)
{
	return json_string_value(json_object_get(c->settings, key));
}

/* The methods that the cited paper and its extension describe. */
static bool fits(const struct card *c)
{
	const char *method = setting(c, "method");
	return method && (strcmp(method, "sweep") == 0 || strcmp(method, "jacobi") == 0 ||
			  strcmp(method, "regmean") == 0);
}

/* ------------------------------------------------------------ the head */

static void put_metric(struct text *out, const char *type, const char *name, double value)
{
	text_add(out, "    - type: %s\n      value: %.6f\n      name: %s\n", type, value, name);
}

/* Of exact answers alone, there are no labels and no F1. */
static void put_result(struct text *out, const struct card *c, int t)
{
	const struct score *s = &c->merged[t];
	bool labels = !isnan(s->macro_f1);
	text_add(out, "  - task:\n      type: %s\n      name: ",
		 labels ? "text-classification" : "text-generation");
	put_quoted(out, c->adapter[t].task);
	text_add(out, "\n    dataset:\n      type: ");
	put_quoted(out, c->adapter[t].task);
	text_add(out, "\n      name: ");
	put_quoted(out, c->adapter[t].task);
	text_add(out, "\n      split: test\n    metrics:\n");
	put_metric(out, "accuracy", "Accuracy", s->accuracy);
	if (labels)
		put_metric(out, "f1", "Macro F1", s->macro_f1);
}

static void put_name(struct text *out, const struct card *c)
{
	struct text name = {0};
	text_add(&name, "merge of ");
	for (int t = 0; t < c->n; t++)
		text_add(&name, "%s%s", t ? ", " : "", c->adapter[t].task);
	put_quoted(out, name.s);
	text_release(&name);
}

static void put_results(struct text *out, const struct card *c)
{
	text_add(out, "metrics:\n- accuracy\n%smodel-index:\n- name: ",
		 isnan(c->merged[0].macro_f1) ? "" : "- f1\n");
	put_name(out, c);
	text_add(out, "\n  results:\n");
	for (int t = 0; t < c->n; t++)
		put_result(out, c, t);
}

/* The hub has no settled pipeline tag for encoder-decoder models: they get none. */
static void put_head(struct text *out, const struct card *c)
{
	text_add(out, "---\nbase_model: ");
	put_quoted(out, c->base);
	text_add(out, "\nlibrary_name: %s\n", c->full_model ? "transformers" : "peft");
	if (c->causal)
		text_add(out, "pipeline_tag: text-generation\n");
	text_add(out, "tags:\n- lora\n- merge\n# license: yours to say, as the base model's, the "
		      "adapters' and the data's allow\n");
	if (c->merged)
		put_results(out, c);
	text_add(out, "---\n\n");
}

/* ------------------------------------------------------------ the page */

static void put_rank(struct text *out, const struct card *c)
{
	if (c->least == c->most)
		text_add(out, " Its rank is %d.", c->rank);
	else
		text_add(out, " Its rank is %d in most modules, and %d to %d in all.", c->rank,
			 c->least, c->most);
}

static void put_title(struct text *out, const struct card *c)
{
	text_add(out, "# Merge of ");
	for (int t = 0; t < c->n; t++) {
		text_add(out, "%s", t ? ", " : "");
		put_text(out, c->adapter[t].task);
	}
	text_add(out, "\n\nThis is %s for %d task%s, merged from %d LoRA adapter%s of ",
		 c->full_model ? "a full model" : "one LoRA adapter", c->n, c->n == 1 ? "" : "s",
		 c->n, c->n == 1 ? "" : "s");
	put_text(out, c->base);
	text_add(out, " without gradients");
	if (setting(c, "method")) {
		text_add(out, ", by the method ");
		put_text(out, setting(c, "method"));
	}
	text_add(out, ".");
	if (!c->full_model)
		put_rank(out, c);
	text_add(out, "\n\n");
}

static void put_adapters(struct text *out, const struct card *c)
{
	const char *given = setting(c, "manual_ceof");
	char *copy = xstrdup(given ? given : ""), *weights = copy;
	text_add(out,
		 "## What was merged\n\n| task | rank | alpha | targets |%s\n"
		 "|---|---|---|---|%s\n",
		 given ? " weight |" : "", given ? "---|" : "");
	for (int t = 0; t < c->n; t++) {
		const struct card_adapter *a = &c->adapter[t];
		text_add(out, "| ");
		put_text(out, a->task);
		text_add(out, " | %d | %g | ", a->r, a->alpha);
		put_text(out, a->targets);
		text_add(out, " |");
		if (given)
			text_add(out, " %s |", strsep(&weights, ","));
		text_add(out, "\n");
	}
	text_add(out, "\n");
	free(copy);
}

static void put_accuracy(struct text *out, const struct score *s)
{
	text_add(out, " %.4f ± %.4f |", s->accuracy, s->accuracy_stderr);
}

static void put_means(struct text *out, const struct card *c)
{
	const struct score *const models[] = {c->alone, c->own, c->merged};
	double mean[3], se, f1;
	text_add(out, "| mean | |");
	for (int m = 0; m < 3; m++) {
		if (!score_mean(models[m], c->n, &mean[m], &se, &f1))
			BUG("a score is missing");
		text_add(out, " %.4f ± %.4f |", mean[m], se);
	}
	text_add(out, " %s |\n\n", score_kept(mean[2], mean[1], 100, 1, " %").text);
}

static void put_kept(struct text *out, const struct card *c)
{
	text_add(
		out,
		"## What was kept\n\nAccuracy on the test rows of each task, with one standard "
		"error. `kept` is the merge's share of the task's own adapter.\n\n"
		"| task | rows | base | own adapter | merge | kept |\n|---|---|---|---|---|---|\n");
	for (int t = 0; t < c->n; t++) {
		text_add(out, "| ");
		put_text(out, c->adapter[t].task);
		text_add(out, " | %ld |", c->merged[t].n);
		put_accuracy(out, &c->alone[t]);
		put_accuracy(out, &c->own[t]);
		put_accuracy(out, &c->merged[t]);
		text_add(out, " %s |\n",
			 score_kept(c->merged[t].accuracy, c->own[t].accuracy, 100, 1, " %").text);
	}
	put_means(out, c);
}

static void put_settings(struct text *out, const struct card *c)
{
	const char *key;
	json_t *value;
	text_add(out, "## Settings\n\n| key | value |\n|---|---|\n");
	json_object_foreach ((json_t *)c->settings, key, value) {
		text_add(out, "| `%s` | ", key);
		put_text(out, json_string_value(value));
		text_add(out, " |\n");
	}
	text_add(out, "\n");
}

static void put_loading(struct text *out, const struct card *c)
{
	const char *name = c->causal ? "AutoModelForCausalLM" : "AutoModelForSeq2SeqLM";
	text_add(out, "## How to load it\n\n```python\n");
	if (!c->full_model)
		text_add(out, "from peft import PeftModel\n");
	text_add(out,
		 "from transformers import AutoTokenizer, %s\n\nhere = \".\"  # this folder, or "
		 "its name on the hub\n",
		 name);
	if (c->full_model) {
		text_add(out,
			 "model = %s.from_pretrained(here)\ntokenizer = "
			 "AutoTokenizer.from_pretrained(here)\n",
			 name);
	} else {
		text_add(out, "base = ");
		put_quoted(out, c->base);
		text_add(out,
			 "%s\nmodel = PeftModel.from_pretrained(%s.from_pretrained(base), here)\n"
			 "tokenizer = AutoTokenizer.from_pretrained(base)\n",
			 c->on_hub ? "" : "  # the folder of the base model", name);
	}
	text_add(out, "```\n");
}

/* As CVPR's proceedings have it. */
static const char citation[] =
	"\n## Citation\n\n```bibtex\n"
	"@inproceedings{chen2025iteris,\n"
	"  title = {{IterIS}: Iterative Inference-Solving Alignment for {LoRA} Merging},\n"
	"  author = {Chen, Hongxu and Wang, Zhen and Li, Runshi and Zhu, Bowei and Chen, Long},\n"
	"  booktitle = {Proceedings of the IEEE/CVF Conference on Computer Vision and Pattern "
	"Recognition (CVPR)},\n"
	"  year = {2025},\n"
	"  eprint = {2411.15231},\n"
	"  archivePrefix = {arXiv}\n"
	"}\n```\n";

void card_write(struct text *out, const struct card *c)
{
	put_head(out, c);
	put_title(out, c);
	put_adapters(out, c);
	if (c->merged)
		put_kept(out, c);
	put_settings(out, c);
	put_loading(out, c);
	if (fits(c))
		text_add(out, "%s", citation);
}
