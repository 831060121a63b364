/* pieces.h: a spiece.model of twelve pieces, written byte by byte as sentencepiece's ModelProto. */
#ifndef PIECES_H
#define PIECES_H

#include <stdio.h>
#include <string.h>

enum piece_type { NORMAL = 1, UNK = 2, CONTROL = 3 };

/* Field 1 (repeated) of the model: {1: text, 2: score (a little-endian float), 3: type}. All
 * lengths are under 128: one byte each. */
static void put_piece(FILE *f, const char *text, float score, enum piece_type type)
{
	size_t n = strlen(text);
	fputc(1 << 3 | 2, f);
	fputc((int)(2 + n + 5 + 2), f);
	fputc(1 << 3 | 2, f);
	fputc((int)n, f);
	fputs(text, f);
	fputc(2 << 3 | 5, f);
	fwrite(&score, sizeof score, 1, f);
	fputc(3 << 3, f);
	fputc(type, f);
}

static void write_model(const char *path)
{
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	put_piece(f, "<pad>", 0, CONTROL);
	put_piece(f, "</s>", 0, CONTROL);
	put_piece(f, "<unk>", 0, UNK);
	put_piece(f, "▁", -2.1f, NORMAL);
	put_piece(f, "a", -3.3f, NORMAL);
	put_piece(f, "aa", -4.7f, NORMAL);
	put_piece(f, "▁b", -3.9f, NORMAL);
	put_piece(f, "b", -5.2f, NORMAL);
	put_piece(f, "?", -3.1f, NORMAL);
	put_piece(f, "??", -4.3f, NORMAL);
	put_piece(f, "é", -6.0f, NORMAL);
	put_piece(f, "ab", -5.1f, NORMAL);
	fwrite("\x12\x02\x18\x01", 1, 4,
	       f); /* field 2: the trainer's settings, {3: model type 1, unigram} */
	assert_int_equal(fclose(f), 0);
}

#endif
