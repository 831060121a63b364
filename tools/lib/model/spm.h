/* spm.h: sentencepiece, through its C++ library (spm.cc is the only C++ of the product). */
#ifndef SPM_H
#define SPM_H

#ifdef __cplusplus
extern "C" {
#endif

struct spm;
/* NULL on failure; *error then holds an allocated message. */
struct spm *spm_open(const char *path, char **error);
void spm_close(struct spm *s);
int spm_vocab(const struct spm *s);
/* Id of the piece `text`, or -1. */
int spm_id(const struct spm *s, const char *text);
/* Piece ids of `text` (UTF-8, `bytes` long) without </s>; at most max are stored, the full count is returned; -1 on failure. */
int spm_encode(const struct spm *s, const char *text, int bytes, int *ids, int max);
/* Text of the ids (control pieces and ids outside the vocabulary are skipped), allocated. */
char *spm_decode(const struct spm *s, const int *ids, int n);

#ifdef __cplusplus
}
#endif
#endif
