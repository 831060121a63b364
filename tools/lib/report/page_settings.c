/* page_settings.c: the settings, the inputs, and how to load the result. */
#include "report/page_private.h"

#include "report/html.h"

static void add_list(struct text *out, const char *summary, const char *columns,
		     const struct setting *item, int n)
{
	if (n == 0)
		return;
	text_add(out, "<details><summary>%s</summary>\n", summary);
	page_table(out, columns, 2);
	for (int i = 0; i < n; i++) {
		text_add(out, "<tr><td class=\"name\">");
		html_isolated(out, item[i].name, 200);
		text_add(out, "</td><td class=\"text\"><code>");
		html_isolated(out, item[i].value, 400);
		text_add(out, "</code></td></tr>\n");
	}
	page_end_table(out);
	text_add(out, "</details>\n");
}

void page_add_settings(struct text *out, const struct page *p)
{
	page_section(out, "settings", "Settings and inputs",
		     "The settings that the stages of this merge depend on. Digests tell whether "
		     "two merges were made from the same files by the same tools.");
	add_list(out, "Settings", "key\tvalue", p->settings.setting, p->settings.n);
	add_list(out, "Digests of the inputs", "file\tdigest", p->settings.input,
		 p->settings.inputs);
	add_list(out, "Digests of the tools", "tool\tdigest", p->settings.tool, p->settings.tools);
	text_add(out, "<p class=\"note\">merge-lora %s.</p>\n</section>\n", p->version);
}

static void add_code(struct text *out, const struct page *p, const char *model_class)
{
	text_add(out, "<pre><code>from transformers import %s, AutoTokenizer\n", model_class);
	if (p->adapter.there) {
		text_add(out, "from peft import PeftModel\n\nbase = %s.from_pretrained(&quot;",
			 model_class);
		html_text(out, p->adapter.base);
		text_add(out, "&quot;)\nmodel = PeftModel.from_pretrained(base, &quot;");
		html_text(out, page_shown(p)->work);
		text_add(out, "/adapter&quot;)\ntokenizer = AutoTokenizer.from_pretrained(&quot;");
		html_text(out, p->adapter.base);
	} else {
		text_add(out, "\nmodel = %s.from_pretrained(&quot;", model_class);
		html_text(out, page_shown(p)->work);
		text_add(out, "/model&quot;)\ntokenizer = AutoTokenizer.from_pretrained(&quot;");
		html_text(out, page_shown(p)->work);
		text_add(out, "/model");
	}
	text_add(out, "&quot;)</code></pre>\n");
}

void page_add_loading(struct text *out, const struct page *p)
{
	page_section(out, "load", "How to load it",
		     p->adapter.there ? "The adapter is a PEFT folder in float32. Its base is the "
					"model below: "
					"a name on the hub, or the folder that was given as MODEL."
				      : "The merge is a full model, which transformers loads.");
	add_code(out, p, p->adapter.causal ? "AutoModelForCausalLM" : "AutoModelForSeq2SeqLM");
	text_add(out, "</section>\n");
}
