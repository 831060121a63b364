/* piece_file.h: a sentencepiece model file as a list of pieces and settings.
 *
 * The file is a protobuf message, ModelProto of sentencepiece_model.proto. This module reads what
 * the library's interface does not give: the kinds of pieces, and how texts are normalised. */
#ifndef PIECE_FILE_H
#define PIECE_FILE_H

#include <stdbool.h>
#include <stddef.h>

enum piece_kind {
	PIECE_NORMAL = 1,
	PIECE_UNKNOWN,
	PIECE_CONTROL,
	PIECE_USER_DEFINED,
	PIECE_UNUSED,
	PIECE_BYTE
};

enum { PIECE_MOST_BYTES = 1024 };

struct file_piece {
	char *text; /* UTF-8, 1 to PIECE_MOST_BYTES bytes */
	float score;
	enum piece_kind kind;
};

enum piece_model { PIECES_UNIGRAM = 1, PIECES_BPE, PIECES_WORD, PIECES_CHAR };

struct piece_file {
	int n, room;
	struct file_piece *piece; /* by id */
	enum piece_model model;
	char *normaliser;      /* the normaliser's name; "" where the file has none */
	bool charsmap;         /* the normaliser has a table of characters */
	bool dummy_prefix;     /* a blank is added before a text */
	bool strips_blanks;    /* blanks at the ends are removed, and a run of blanks becomes one */
	bool escapes_blanks;   /* a blank becomes U+2581 */
	bool blanks_as_suffix; /* the blank belongs to the word before it */
};

/* die() where the file is no sentencepiece model. */
void piece_file_read(struct piece_file *f, const char *path);
void piece_file_release(struct piece_file *f);

#endif
