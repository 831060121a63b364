/* digest.h: a 64-bit digest of a file's contents. It shows that an input has changed; it is no
 * defence against forgery. */
#ifndef DIGEST_H
#define DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint64_t digest_bytes(uint64_t seed, const void *data, size_t n);
uint64_t digest_contents(
	const char *path,
	uint64_t *size); /* of a whole file, with its size; die() when the file cannot be read */

/* Digests that are kept between runs, so that gigabytes are not read again. An entry is valid while
 * size, modification time (ns) and inode are unchanged. The file of entries may be missing or
 * damaged; missing digests are computed. */
struct digest_cache;
struct digest_cache *digest_cache_open(const char *path);
uint64_t digest_file(struct digest_cache *c, const char *path); /* die() when it cannot be read */
void digest_cache_close(struct digest_cache *c,
			bool write); /* writes the entries that were used, if any is new */

#endif
