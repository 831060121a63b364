/* print-states MODEL ADAPTER|- SEQUENCES OUT.safetensors [16]: every block's output, as the tools
 * compute it. For forward.py and peft.py.
 *
 * SEQUENCES: one line per sequence, encoder ids, a tab, decoder input ids. OUT: encoder.B and
 * decoder.B (rows, D), the residual stream after B blocks, B = 1 … L; encoder.norm and
 * decoder.norm; logits (decoder rows, V). "16": 16-bit products where the CPU has them.
 * Build:  gcc -std=c11 -D_GNU_SOURCE -O2 -fopenmp -I/usr/include/hdf5/serial -o build/print-states
 * tests/oracle/print-states.c \ build/libmerge.a -ldnnl -lhdf5_serial -lopenblas -llapacke -lyaml
 * -ljansson -lpcre2-8 -lsentencepiece -lstdc++ -lm */
#include <stdio.h>
#include <stdlib.h>

#include "../golden/states.h"
#include "base/opts.h"

/* The two lists of token ids on each line of the file. */
struct lists {
	int n, total[2];
	int *length[2], *offset[2], *ids[2];
};

static char *scan_ids(struct lists *l, int side, char *p)
{
	int start = l->total[side];

	for (char *end;; p = end) {
		long id = strtol(p, &end, 10);

		if (end == p)
			break;
		l->ids[side] = xrealloc(l->ids[side], sizeof(int) * (size_t)(l->total[side] + 1));
		l->ids[side][l->total[side]++] = (int)id;
		if (*end == '\t' || *end == '\n') {
			p = end;
			break;
		}
	}
	l->length[side] = xrealloc(l->length[side], sizeof(int) * (size_t)(l->n + 1));
	l->offset[side] = xrealloc(l->offset[side], sizeof(int) * (size_t)(l->n + 1));
	l->offset[side][l->n] = start;
	l->length[side][l->n] = l->total[side] - start;
	return p;
}

static void read_lists(struct lists *l, const char *path)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t room = 0;

	if (!f)
		die("cannot open '%s'", path);
	for (; getline(&line, &room, f) > 0; l->n++) {
		char *p = scan_ids(l, 0, line);

		if (*p != '\t')
			die("%s: line %d: expected ids, a tab, ids", path, l->n + 1);
		scan_ids(l, 1, p + 1);
		if (!l->length[0][l->n] || !l->length[1][l->n])
			die("%s: line %d: an empty list of ids", path, l->n + 1);
	}
	free(line);
	fclose(f);
}

static void write_states(const struct states *s, const char *path)
{
	static const char *const side[] = {"encoder", "decoder"};
	struct st_out *o = st_create(path);

	for (int stack = 0; stack < 2; stack++)
		for (int b = 0; b <= s->L[stack]; b++) {
			char *name = b ? xformat("%s.%d", side[stack], b)
				       : xformat("%s.norm", side[stack]);

			st_declare(o, name, (size_t)s->rows[stack], (size_t)s->D);
			free(name);
		}
	st_declare(o, "logits", (size_t)s->rows[1], (size_t)s->V);
	for (int stack = 0; stack < 2; stack++)
		for (int b = 0; b <= s->L[stack]; b++)
			st_write(o, s->at[stack][b], (size_t)s->rows[stack] * (size_t)s->D);
	st_write(o, s->logits, (size_t)s->rows[1] * (size_t)s->V);
	st_commit(o);
}

int main(int argc, char **argv)
{
	struct lists l = {0};
	struct seqs enc, dec;
	struct model *model;
	struct adapter *adapter;
	struct forward f;
	struct states s;

	prog_name = "print-states";
	if (argc != 5 && !(argc == 6 && !strcmp(argv[5], "16")))
		die_usage("usage: print-states MODEL ADAPTER|- SEQUENCES OUT.safetensors [16]");
	be_select(&(struct common_opts){.backend = "cpu", .threads = 1});
	model = model_open(argv[1]);
	adapter = strcmp(argv[2], "-") ? adapter_open(argv[2], &model->m) : NULL;
	read_lists(&l, argv[3]);
	seqs_init(&enc, l.n, l.length[0], l.offset[0], l.ids[0], 0, model->m.pad);
	seqs_init(&dec, l.n, l.length[1], l.offset[1], l.ids[1], 0, model->m.pad);
	f = (struct forward){.model = model,
			     .nsources = 1,
			     .source = &(struct delta_source){adapter, NULL},
			     .precision = argc == 6 ? be->fast16() : BE_F32};
	states_run(&s, &f, &enc, &dec);
	write_states(&s, argv[4]);
	states_release(&s);
	seqs_release(&enc);
	seqs_release(&dec);
	adapter_close(adapter);
	model_close(model);
	for (int i = 0; i < 2; i++) {
		free(l.length[i]);
		free(l.offset[i]);
		free(l.ids[i]);
	}
	return 0;
}
