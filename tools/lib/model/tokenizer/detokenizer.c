/* detokenizer.c: see detokenizer.h. */
#include "model/tokenizer/detokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/utf8.h"
#include "files/jsonx.h"
#include "model/tokenizer/bytelevel.h"
#include "model/tokenizer/pattern_read.h"

enum detokenizer_kind { BYTES, METASPACE, REPLACE, BYTE_FALLBACK, FUSE, STRIP };

struct detokenizer_step {
	enum detokenizer_kind kind;
	struct regexp *pattern; /* REPLACE */
	char *text;             /* REPLACE: the new text; METASPACE, STRIP: the character */
	bool drop_first;        /* METASPACE: drop the blank of the first token */
	int start, stop;        /* STRIP: at most this many */
};

static const char replacement_character[] = "\xef\xbf\xbd";

static void add(struct detokenizer *d, struct detokenizer_step step)
{
	d->step = xrealloc(d->step, sizeof step * (size_t)(d->n + 1));
	d->step[d->n++] = step;
	d->given = true;
}

void detokenizer_add_llama(struct detokenizer *d, bool strip)
{
	add(d, (struct detokenizer_step){
		       .kind = REPLACE, .pattern = regexp_literal("▁"), .text = xstrdup(" ")});
	add(d, (struct detokenizer_step){.kind = BYTE_FALLBACK});
	add(d, (struct detokenizer_step){.kind = FUSE});
	if (strip)
		add(d, (struct detokenizer_step){.kind = STRIP, .text = xstrdup(" "), .start = 1});
}

/* ------------------------------------------------------------ reading */

static const char *one_character(struct jsonpart p, const char *key)
{
	const char *text = jsonpart_text(p, key);
	if (utf8_bytes(text, strlen(text)) != strlen(text))
		die("'%s' %s: %s: expected one character, found '%.20s'", p.path, p.name, key,
		    text);
	return text;
}

static void read_sequence(struct detokenizer *d, struct jsonpart p)
{
	size_t i;
	json_t *v;
	jsonpart_keys(p, "type decoders");
	d->given = true;
	json_array_foreach (jsonpart_list(p, "decoders"), i, v)
		detokenizer_read(d, (struct jsonpart){p.path, p.name, v});
}

static void read_bytelevel(struct detokenizer *d, struct jsonpart p)
{
	jsonpart_keys(p, "type add_prefix_space trim_offsets use_regex");
	add(d, (struct detokenizer_step){.kind = BYTES});
}

static void read_metaspace(struct detokenizer *d, struct jsonpart p)
{
	jsonpart_keys(p, "type replacement prepend_scheme split add_prefix_space str_rep");
	const char *character = one_character(p, "replacement");
	bool drop =
		json_object_get(p.v, "prepend_scheme")
			? jsonpart_choice(p, "prepend_scheme", prepend_schemes, 3) != PREPEND_NEVER
			: jsonpart_bool(p, "add_prefix_space", true);
	add(d, (struct detokenizer_step){
		       .kind = METASPACE, .text = xstrdup(character), .drop_first = drop});
}

static void read_replace(struct detokenizer *d, struct jsonpart p)
{
	jsonpart_keys(p, "type pattern content");
	struct regexp *pattern = pattern_read(p);
	const char *by = jsonx_string(p.v, p.path, "content");
	add(d, (struct detokenizer_step){.kind = REPLACE, .pattern = pattern, .text = xstrdup(by)});
}

static void read_byte_fallback(struct detokenizer *d, struct jsonpart p)
{
	jsonpart_keys(p, "type");
	add(d, (struct detokenizer_step){.kind = BYTE_FALLBACK});
}

static void read_fuse(struct detokenizer *d, struct jsonpart p)
{
	jsonpart_keys(p, "type");
	add(d, (struct detokenizer_step){.kind = FUSE});
}

static void read_strip(struct detokenizer *d, struct jsonpart p)
{
	enum { MOST = 1000 };
	jsonpart_keys(p, "type content start stop");
	add(d, (struct detokenizer_step){.kind = STRIP,
					 .text = xstrdup(one_character(p, "content")),
					 .start = (int)jsonx_int(p.v, p.path, "start", 0, MOST),
					 .stop = (int)jsonx_int(p.v, p.path, "stop", 0, MOST)});
}

void detokenizer_read(struct detokenizer *d, struct jsonpart p)
{
	static const struct {
		const char *type;
		void (*read)(struct detokenizer *d, struct jsonpart p);
	} known[] = {{"Sequence", read_sequence},
		     {"ByteLevel", read_bytelevel},
		     {"Metaspace", read_metaspace},
		     {"Replace", read_replace},
		     {"ByteFallback", read_byte_fallback},
		     {"Fuse", read_fuse},
		     {"Strip", read_strip}};
	if (json_is_null(p.v))
		return;
	const char *type = jsonpart_type(p);
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strcmp(type, known[i].type) == 0) {
			known[i].read(d, p);
			return;
		}
	jsonpart_unknown_type(p, "ByteLevel Metaspace Replace ByteFallback Fuse Strip Sequence");
}

void detokenizer_release(struct detokenizer *d)
{
	for (int i = 0; i < d->n; i++) {
		regexp_free(d->step[i].pattern);
		free(d->step[i].text);
	}
	free(d->step);
	*d = (struct detokenizer){0};
}

/* ------------------------------------------------------------ tokens to text */

static const char *token(const struct pieces *p, int i, size_t *bytes)
{
	*bytes = p->span[i].to - p->span[i].from;
	return p->text.s + p->span[i].from;
}

/* `to` replaces *p. */
static void take(struct pieces *p, struct pieces *to)
{
	pieces_release(p);
	*p = *to;
}

static void apply_bytes(struct pieces *p)
{
	struct text bytes = {0};
	struct pieces to = {0};
	for (int i = 0; i < p->n; i++) {
		size_t n;
		const char *s = token(p, i, &n);
		bytelevel_take(s, n, &bytes);
	}
	pieces_add(&to, text_get(&bytes), bytes.n);
	text_release(&bytes);
	take(p, &to);
}

static void apply_metaspace(const struct detokenizer_step *s, struct pieces *p)
{
	struct regexp *sign = regexp_literal(s->text);
	struct pieces to = {0};
	for (int i = 0; i < p->n; i++) {
		size_t n;
		const char *from = token(p, i, &n);
		struct pieces one = {0};
		pieces_set(&one, from, n, false);
		pieces_replace(&one, sign, i == 0 && s->drop_first ? "" : " ");
		pieces_add(&to, text_get(&one.text), one.text.n);
		pieces_release(&one);
	}
	regexp_free(sign);
	take(p, &to);
}

/* The byte that a token <0xHH> stands for, or -1. */
static int byte_of(const char *text, size_t n)
{
	if (n != 6 || memcmp(text, "<0x", 3) != 0 || text[5] != '>')
		return -1;
	int byte = 0;
	for (int i = 3; i < 5; i++) {
		static const char digits[] = "0123456789abcdef0123456789ABCDEF";
		const char *at = text[i] ? strchr(digits, text[i]) : NULL;
		if (!at)
			return -1;
		byte = 16 * byte + (int)((at - digits) % 16);
	}
	return byte;
}

/* The text of a run of bytes, or one U+FFFD for each byte. */
static void put_bytes(struct pieces *to, struct text *bytes)
{
	if (utf8_valid(text_get(bytes), bytes->n) == bytes->n)
		pieces_add(to, text_get(bytes), bytes->n);
	else
		for (size_t i = 0; i < bytes->n; i++)
			pieces_add(to, replacement_character, strlen(replacement_character));
	bytes->n = 0;
}

static void apply_byte_fallback(struct pieces *p)
{
	struct text bytes = {0};
	struct pieces to = {0};
	for (int i = 0; i < p->n; i++) {
		size_t n;
		const char *s = token(p, i, &n);
		int byte = byte_of(s, n);
		char one = (char)byte;
		if (byte >= 0) {
			text_put(&bytes, &one, 1);
			continue;
		}
		put_bytes(&to, &bytes);
		pieces_add(&to, s, n);
	}
	put_bytes(&to, &bytes);
	text_release(&bytes);
	take(p, &to);
}

static void apply_fuse(struct pieces *p)
{
	struct pieces to = {0};
	pieces_add(&to, text_get(&p->text), p->text.n);
	take(p, &to);
}

static void apply_strip(const struct detokenizer_step *s, struct pieces *p)
{
	struct pieces to = {0};
	size_t width = strlen(s->text);
	for (int i = 0; i < p->n; i++) {
		size_t n;
		const char *from = token(p, i, &n);
		int left = 0, right = 0;
		for (; left < s->start && n >= width && memcmp(from, s->text, width) == 0; left++) {
			from += width;
			n -= width;
		}
		for (;
		     right < s->stop && n >= width && memcmp(from + n - width, s->text, width) == 0;
		     right++)
			n -= width;
		pieces_add(&to, from, n);
	}
	take(p, &to);
}

/* Returns NULL, or why an expression failed (pieces.h). */
static const char *apply(const struct detokenizer_step *s, struct pieces *p)
{
	switch (s->kind) {
	case BYTES: apply_bytes(p); break;
	case METASPACE: apply_metaspace(s, p); break;
	case REPLACE: return pieces_replace(p, s->pattern, s->text);
	case BYTE_FALLBACK: apply_byte_fallback(p); break;
	case FUSE: apply_fuse(p); break;
	case STRIP: apply_strip(s, p); break;
	}
	return NULL;
}

/* text begins with bytes that are no character: how many of them could begin one, at least 1.
 * Source: Unicode, 3.9, "maximal subpart". */
static size_t broken_bytes(const char *text, size_t left)
{
	unsigned char a = (unsigned char)text[0], b = left > 1 ? (unsigned char)text[1] : 0;
	bool two = (a >= 0xc2 && a <= 0xf4) &&
		   b >= (a == 0xe0   ? 0xa0
			 : a == 0xf0 ? 0x90
				     : 0x80) &&
		   b <= (a == 0xed   ? 0x9f
			 : a == 0xf4 ? 0x8f
				     : 0xbf);
	if (!two || a < 0xe0)
		return 1;
	return a >= 0xf0 && left > 2 && ((unsigned char)text[2] & 0xc0) == 0x80 ? 3 : 2;
}

static void put_valid(struct text *to, const char *text, size_t bytes)
{
	for (size_t at = 0; at < bytes;) {
		size_t n = utf8_valid(text + at, bytes - at);
		text_put(to, text + at, n);
		at += n;
		if (at < bytes) {
			text_put(to, replacement_character, strlen(replacement_character));
			at += broken_bytes(text + at, bytes - at);
		}
	}
}

static void join(struct text *to, const struct pieces *p, const char *with)
{
	struct text all = {0};
	for (int i = 0; i < p->n; i++) {
		size_t n;
		const char *s = token(p, i, &n);
		text_put(&all, with, i ? strlen(with) : 0);
		text_put(&all, s, n);
	}
	put_valid(to, text_get(&all), all.n);
	text_release(&all);
}

const char *detokenizer_apply(const struct detokenizer *d, struct pieces *tokens, struct text *to)
{
	const char *why = NULL;
	for (int i = 0; i < d->n && !why; i++)
		why = apply(&d->step[i], tokens);
	join(to, tokens, d->given ? "" : " ");
	return why;
}
