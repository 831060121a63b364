/* embedding.c: see embedding.h. */
#include "model/embedding.h"

#include "base/die.h"

static const char HEAD[] = "lm_head.weight";

static const struct st_tensor *need(const struct st *st, const struct geometry *m, const char *name)
{
	return st_need(st, name, (size_t)m->V, (size_t)m->D);
}

static void find_input(struct embedding *e, const struct st *st, const struct geometry *m)
{
	const char *const *input = m->family->input;
	for (int i = 0; i < INPUT_NAMES && input[i]; i++) {
		const struct st_tensor *t = st_find(st, input[i]) ? need(st, m, input[i]) : NULL;
		if (t && e->input)
			e->twin[e->ntwins++] = t;
		else if (t)
			e->input = t;
	}
	if (!e->input)
		need(st, m, input[0]);
}

static bool is_t5(const struct geometry *m)
{
	return m->family == &family_t5;
}

static void need_equal(const struct embedding *e, const struct st *st, const struct geometry *m,
		       const struct st_tensor *head, const char *dir)
{
	size_t n = (size_t)m->V * (size_t)m->D,
	       first = st_first_difference(st, e->input, head, 0, n);
	if (first < n)
		die("'%s/config.json': tie_word_embeddings is true, but %s differs from %s (row "
		    "%zu)%s: transformers 4 drops %s, transformers 5 uses it; %s",
		    dir, HEAD, e->input->name, first / (size_t)m->D,
		    is_t5(m) ? ", and scale_decoder_outputs is not given" : "", HEAD,
		    is_t5(m) ? "set tie_word_embeddings to false (T5 v1.1 and Flan-T5 as "
			       "published), or scale_decoder_outputs to what transformers 5 "
			       "trained with (true without the key)"
			     : "set tie_word_embeddings to false, or take the tensor out of the "
			       "file");
}

static const struct st_tensor *find_head(const struct embedding *e, const struct st *st,
					 const struct geometry *m, const char *dir)
{
	const struct st_tensor *head = st_find(st, HEAD) ? need(st, m, HEAD) : NULL;
	if (m->scale_given)
		return head ? head : e->input;
	if (!m->tied && !head)
		die("'%s/config.json': tie_word_embeddings is false%s, but there is no tensor "
		    "'%s'%s: transformers 4 makes a random one, transformers 5 uses %s; set "
		    "tie_word_embeddings to true, or save the model with its head",
		    dir, is_t5(m) ? "" : " or absent", HEAD,
		    is_t5(m) ? ", and scale_decoder_outputs is not given" : "", e->input->name);
	if (m->tied && head)
		need_equal(e, st, m, head, dir);
	return m->tied ? e->input : head;
}

struct embedding embedding_find(const struct st *st, const struct geometry *m, const char *dir)
{
	struct embedding e = {0};
	find_input(&e, st, m);
	e.head = find_head(&e, st, m, dir);
	return e;
}

void embedding_check_twins(const struct embedding *e, const struct st *st, size_t row, size_t n)
{
	size_t D = e->input->dim[1];
	for (int i = 0; i < e->ntwins; i++) {
		size_t first = st_first_difference(st, e->input, e->twin[i], row * D, n * D);
		if (first < (row + n) * D)
			die("'%s': tensors '%s' and '%s' differ (row %zu): transformers 4 uses one "
			    "of them for both stacks, transformers 5 each "
			    "stack's own; keep one of them in the file",
			    st_file(st, e->twin[i]), e->input->name, e->twin[i]->name, first / D);
	}
}

void embedding_note(const struct embedding *e, const struct geometry *m, const char *dir)
{
	/* T5Config of 5.0 looked for tie_word_embeddings in a place where it never is. Every model
	 * that it saved says `true`. */
	if (m->scale_given && m->scaled && e->head != e->input)
		note("'%s/config.json': scale_decoder_outputs is true beside a head of its own "
		     "(%s): used so, as in transformers 5; transformers 5.0 "
		     "wrote true for every T5, and the published v1.1 and Flan-T5 models need "
		     "false",
		     dir, HEAD);
}
