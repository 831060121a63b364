/* HDF5 files from elsewhere, read as the tools read acts, Grams, solutions, samples and tokens. The
 * HDF5 library itself is not instrumented.
 *
 * Nearly every byte of such a file is covered by a checksum. So the mutator is our own: it mostly
 * changes the inside of a block, and then mostly corrects the checksums. */
#include <hdf5.h>
#include <stdlib.h>

#include "base/die.h"
#include "files/h5/h5.h"
#include "forward/solution.h"
#include "fuzz.h"
#include "merge/samples.h"
#include "repair.h"

static void read_some(struct h5 *f, const char *path)
{
	size_t rows, cols;
	double x[256];

	h5_shape(f, path, &rows, &cols);
	if (cols <= 256 && rows > 0)
		h5_read_double(f, path, rows - 1, 1, x);
}

static void read_module(const char *name, void *arg)
{
	struct h5 *f = arg;
	char *group = xformat("/modules/%s", name), *A = xformat("%s/A", group),
	     *H = xformat("%s/H", group);

	h5_get_int(f, group, "r");
	if (h5_has(f, A))
		read_some(f, A);
	if (h5_has(f, H))
		read_some(f, H);
}

static void read_acts(const char *path)
{
	struct h5 *f = h5_open(path, "iteris-acts", 1);

	free(h5_get_string(f, "/", "site"));
	h5_get_int(f, "/", "P");
	read_some(f, "/rows");
	if (h5_has(f, "/state"))
		read_some(f, "/state");
	h5_close(f);
}

static void read_grams(const char *path)
{
	struct h5 *f = h5_open(path, "iteris-grams", 1);

	h5_get_double(f, "/", "largest_norm");
	h5_each(f, "/modules", read_module, f);
	h5_close(f);
}

static void read_solution(const char *path)
{
	struct solution *s = solution_open(path, NULL);
	float x[256];

	for (int i = 0; i < s->n; i++) {
		const struct solution_module *k = &s->module[i];

		if (k->R ? k->R <= 256 : k->d_in <= 256)
			solution_read_float(s, k, k->R ? "B" : "W", 0, 1, x);
	}
	solution_close(s);
}

static void read_samples(const char *path)
{
	struct samples s;

	samples_read(&s, path, NULL);
	samples_need_vocab(&s, path, 64);
	samples_release(&s);
}

static void read_tokens(const char *path)
{
	struct decoder_tokens t;

	decoder_tokens_read(&t, path, NULL, 0);
	decoder_tokens_release(&t);
}

/* What die() has left open in the library: datasets and similar objects before their files. */
static void close_all(void)
{
	static const unsigned kinds[] = {H5F_OBJ_ATTR, H5F_OBJ_DATASET, H5F_OBJ_GROUP,
					 H5F_OBJ_DATATYPE, H5F_OBJ_FILE};
	hid_t id[64];

	for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++) {
		ssize_t n = H5Fget_obj_ids((hid_t)H5F_OBJ_ALL, kinds[k], 64, id);

		for (ssize_t i = 0; i < n && i < 64; i++)
			H5Idec_ref(id[i]);
	}
}

size_t LLVMFuzzerMutate(uint8_t *data, size_t n, size_t max)
	__attribute__((weak)); /* absent where a corpus is only replayed */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t n, size_t max, unsigned seed);

enum { MAX_SPANS = 512 };

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t n, size_t max, unsigned seed)
{
	static struct span s[MAX_SPANS];
	int spans = spans_find(data, n, s, MAX_SPANS);

	if (spans && seed % 8) { /* within one block, whose place and size do not change */
		const struct span *b = &s[seed / 64 % (unsigned)spans];

		LLVMFuzzerMutate(data + b->at, b->n, b->n);
	} else {
		n = LLVMFuzzerMutate(data, n, max);
	}
	/* First the old blocks, because the length of one may have been hit; then the new ones. */
	if (spans && seed % 8 && seed / 8 % 8)
		spans_repair(data, s, spans);
	if (seed / 8 % 8)
		spans_repair(data, s, spans_find(data, n, s, MAX_SPANS));
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *path = fuzz_file("x.h5", data, n);

	fuzz_free_all = 0;
	fuzz_cleanup = close_all;
	SURVIVE(read_acts(path));
	SURVIVE(read_grams(path));
	SURVIVE(read_solution(path));
	SURVIVE(read_samples(path));
	SURVIVE(read_tokens(path));
	return 0;
}
