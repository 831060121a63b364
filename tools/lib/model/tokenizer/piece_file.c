/* piece_file.c: see piece_file.h. */
#include "model/tokenizer/piece_file.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/utf8.h"
#include "files/jsonx.h"
#include "files/looks.h"

enum { MOST_BYTES = 64 << 20, MOST_PIECES = 1 << 22 };

/* A message, and how much of it has been read. */
struct message {
	const char *path;
	const unsigned char *at, *end;
};

/* A field: its number, and a value according to its type. */
struct field {
	unsigned number;
	enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 } type;
	uint64_t value;       /* VARINT, FIXED32 */
	struct message bytes; /* BYTES */
};

_Noreturn static void damaged(const char *path, const char *what)
{
	looks_check_download(path);
	die("'%s': %s: not a sentencepiece model, or a damaged one", path, what);
}

static uint64_t read_varint(struct message *m)
{
	uint64_t v = 0;
	for (int shift = 0; shift < 64; shift += 7) {
		if (m->at == m->end)
			damaged(m->path, "a number goes over the end");
		unsigned char c = *m->at++;
		v |= (uint64_t)(c & 0x7f) << shift;
		if (c < 0x80)
			return v;
	}
	damaged(m->path, "a number of over ten bytes");
}

/* Skips n bytes and returns where they begin. */
static const unsigned char *take(struct message *m, uint64_t n)
{
	const unsigned char *at = m->at;
	if (n > (uint64_t)(m->end - m->at))
		damaged(m->path, "a field goes over the end");
	m->at += n;
	return at;
}

static uint64_t fixed32(const unsigned char *b)
{
	return (uint64_t)b[0] | (uint64_t)b[1] << 8 | (uint64_t)b[2] << 16 | (uint64_t)b[3] << 24;
}

/* Reads the next field; false at the end of the message. */
static bool next(struct message *m, struct field *f)
{
	if (m->at == m->end)
		return false;
	uint64_t key = read_varint(m);
	*f = (struct field){.number = (unsigned)(key >> 3)};
	switch (key & 7) {
	case VARINT: f->value = read_varint(m); break;
	case FIXED64: take(m, 8); break;
	case FIXED32: f->value = fixed32(take(m, 4)); break;
	case BYTES: {
		uint64_t n = read_varint(m);
		const unsigned char *at = take(m, n);
		f->bytes = (struct message){m->path, at, at + n};
		break;
	}
	default: damaged(m->path, "a field of an unknown type");
	}
	f->type = (int)(key & 7);
	return true;
}

static char *copy_text(struct message m)
{
	size_t n = (size_t)(m.end - m.at);
	char *s = xmalloc(n + 1);
	memcpy(s, m.at, n);
	s[n] = 0;
	return s;
}

/* ------------------------------------------------------------ the three parts that are used */

static void set_text(struct file_piece *p, struct message m)
{
	size_t n = (size_t)(m.end - m.at);
	if (n == 0 || n > PIECE_MOST_BYTES || memchr(m.at, 0, n) ||
	    utf8_valid((const char *)m.at, n) < n)
		damaged(m.path, "a piece that is no text of 1 to 1024 bytes");
	free(p->text);
	p->text = copy_text(m);
}

static void read_piece(struct piece_file *file, struct message m)
{
	struct file_piece p = {.kind = PIECE_NORMAL};
	struct field f;
	while (next(&m, &f)) {
		uint32_t bits = (uint32_t)f.value;
		if (f.number == 1 && f.type == BYTES)
			set_text(&p, f.bytes);
		else if (f.number == 2 && f.type == FIXED32)
			memcpy(&p.score, &bits, sizeof p.score);
		else if (f.number == 3 && f.type == VARINT)
			p.kind = (enum piece_kind)f.value;
	}
	if (!p.text || !isfinite(p.score) || p.kind < PIECE_NORMAL || p.kind > PIECE_BYTE)
		damaged(m.path, "a piece without a text, a finite score or a known kind");
	if (file->n == MOST_PIECES)
		damaged(m.path, "over 4194304 pieces");
	if (file->n == file->room)
		file->piece =
			xrealloc(file->piece, sizeof p * (size_t)(file->room += file->room + 1024));
	file->piece[file->n++] = p;
}

static void read_trainer(struct piece_file *file, struct message m)
{
	struct field f;
	while (next(&m, &f)) {
		if (f.type != VARINT)
			continue;
		if (f.number == 3)
			file->model = (enum piece_model)f.value;
		else if (f.number == 24)
			file->blanks_as_suffix = f.value != 0;
	}
}

static void read_normaliser(struct piece_file *file, struct message m)
{
	struct field f;
	while (next(&m, &f)) {
		if (f.number == 1 && f.type == BYTES) {
			free(file->normaliser);
			file->normaliser = copy_text(f.bytes);
		} else if (f.number == 2 && f.type == BYTES) {
			file->charsmap = f.bytes.at < f.bytes.end;
		} else if (f.type == VARINT && f.number == 3) {
			file->dummy_prefix = f.value != 0;
		} else if (f.type == VARINT && f.number == 4) {
			file->strips_blanks = f.value != 0;
		} else if (f.type == VARINT && f.number == 5) {
			file->escapes_blanks = f.value != 0;
		}
	}
}

void piece_file_read(struct piece_file *file, const char *path)
{
	size_t n;
	struct field f;
	char *bytes = jsonx_read(path, MOST_BYTES, &n);
	struct message m = {path, (unsigned char *)bytes, (unsigned char *)bytes + n};
	/* The defaults are those of the .proto file. */
	*file = (struct piece_file){.model = PIECES_UNIGRAM,
				    .normaliser = xstrdup(""),
				    .dummy_prefix = true,
				    .strips_blanks = true,
				    .escapes_blanks = true};
	while (next(&m, &f)) {
		if (f.type != BYTES)
			continue;
		if (f.number == 1)
			read_piece(file, f.bytes);
		else if (f.number == 2)
			read_trainer(file, f.bytes);
		else if (f.number == 3)
			read_normaliser(file, f.bytes);
	}
	if (file->n == 0)
		damaged(path, "no piece");
	free(bytes);
}

void piece_file_release(struct piece_file *f)
{
	for (int i = 0; i < f->n; i++)
		free(f->piece[i].text);
	free(f->piece);
	free(f->normaliser);
	*f = (struct piece_file){0};
}
