/* adapter_config.json, beside tensors of q and v in one block each of encoder and decoder. */
#include <stdlib.h>
#include <string.h>

#include "adapter/adapter.h"
#include "base/die.h"
#include "files/safetensors/st.h"
#include "fuzz.h"

static const struct geometry m = {.family = &family_t5,
				  .D = 8,
				  .F = 12,
				  .NH = 2,
				  .HS = 4,
				  .DI = 8,
				  .V = 32,
				  .L = {1, 1},
				  .buckets = 32,
				  .max_distance = 128,
				  .eps = 1e-6f,
				  .gated = true,
				  .act = BE_GELU_NEW,
				  .decoding = {.neos = 1, .eos = {1}}};
static const char *const modules[] = {"encoder.block.0.layer.0.SelfAttention",
				      "decoder.block.0.layer.0.SelfAttention",
				      "decoder.block.0.layer.1.EncDecAttention"};

static void each(struct st_out *o, int write)
{
	static const float zero[4 * 8];

	for (int i = 0; i < 3; i++)
		for (int k = 0; k < 4; k++) {
			char *name = xformat("base_model.model.%s.%c.lora_%c.weight", modules[i],
					     k & 1 ? 'q' : 'v', k & 2 ? 'A' : 'B');

			if (write)
				st_write(o, zero, 4 * 8);
			else
				st_declare(o, name, k & 2 ? 4 : 8, k & 2 ? 8 : 4);
			free(name);
		}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char *path = xformat("%s/adapter_model.safetensors", fuzz_folder());
	struct st_out *o = st_create(path);

	(void)argc, (void)argv;
	each(o, 0);
	each(o, 1);
	st_commit(o);
	free(path);
	return 0;
}

static void load(void)
{
	struct adapter *a = adapter_open(fuzz_folder(), &m);
	float x[4 * 8];

	for (int i = 0; i < a->n; i++)
		lora_read_A(a, &a->lora[i], x);
	adapter_close(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	fuzz_file("adapter_config.json", data, n);
	SURVIVE(load());
	return 0;
}
