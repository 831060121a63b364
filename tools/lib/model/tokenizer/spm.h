/* spm.h: sentencepiece, through its C++ library. spm.cc is the only C++ of the product. */
#ifndef SPM_H
#define SPM_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct spm;
/* `prefix`: whether a text is encoded as if a blank preceded it, as the model file says; false:
 * never. NULL on failure; *error is then an allocated message. */
struct spm *spm_open(const char *path, bool prefix, char **error);
/* The same from the bytes of a file. */
struct spm *spm_open_bytes(const char *bytes, size_t n, bool prefix, char **error);
void spm_close(struct spm *s);
int spm_vocab(const struct spm *s);
/* The id of the piece of any kind whose text is exactly `text`; -1: there is none. */
int spm_find(const struct spm *s, const char *text);
/* The text of a piece, allocated; NULL: no piece has this id. */
char *spm_piece(const struct spm *s, int id);
/* Calls `take` for each piece of `text` (UTF-8, `bytes` long), in order and without </s>. `take`
 * gets the piece's id and its normalised text, which is not zero-terminated and only valid during
 * the call. Returns the number of pieces; -1 on failure. */
typedef void spm_take(void *arg, int id, const char *piece, int bytes);
int spm_encode(const struct spm *s, const char *text, int bytes, spm_take *take, void *arg);
/* The text of the ids, allocated. Control pieces and ids outside the vocabulary are skipped. */
char *spm_decode(const struct spm *s, const int *ids, int n);

#ifdef __cplusplus
}
#endif
#endif
