/* show-tokens: the tokens of a text, one per line: the id, a tab, and the token's text as in the
 * tokenizer's files.
 *
 * Users can compare them with the tokens that a model was trained on. Without --text, every line of
 * standard input is a text. An empty line separates the tokens of two texts. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "base/opts.h"
#include "files/start.h"
#include "model/tokenizer/tokenizer.h"

static const char *model_dir, *text;
static bool frame = true;

static const struct opt options[] = {
	{"model", 0, OPT_STRING, &model_dir, true, 0, 0, "DIR",
	 "model folder: tokenizer.json, tokenizer.model or spiece.model"},
	{"text", 0, OPT_STRING, &text, false, 0, 0, "TEXT",
	 "the text; without it every line of standard input is one"},
	{"frame", 0, OPT_BOOL, &frame, false, 0, 0, "BOOL",
	 "with the tokens that the tokenizer puts before and behind a text"},
	{.type = OPT_END},
};

static const struct tool tool = {
	.name = "show-tokens",
	.summary = "the token ids and pieces of a text",
	.opts = options,
	.example = "show-tokens --model model --text 'What a day!'",
};

/* Writes a piece's control characters as JSON does, so that a token stays on its line. */
static void print_piece(const char *piece)
{
	for (; *piece; piece++) {
		unsigned char c = (unsigned char)*piece;
		if (c < ' ' || c == 0x7f)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
}

static void show(const struct tokenizer *t, const char *words, size_t bytes, const char *where)
{
	struct token_ids ids = {0};
	if (!tokenizer_encode(t, words, bytes, frame, &ids))
		die("%s is no UTF-8, or has a zero byte: convert it, for example by iconv -t UTF-8",
		    where);
	for (int i = 0; i < ids.n; i++) {
		char *piece = tokenizer_piece(t, ids.id[i]);
		printf("%d\t", ids.id[i]);
		print_piece(piece ? piece : "");
		putchar('\n');
		free(piece);
	}
	token_ids_release(&ids);
}

static void show_lines(const struct tokenizer *t)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t n;
	for (long number = 1; (n = getline(&line, &room, stdin)) >= 0; number++) {
		char *where = xformat("line %ld of standard input", number);
		if (number > 1)
			putchar('\n');
		show(t, line, (size_t)n - (n > 0 && line[n - 1] == '\n'), where);
		free(where);
	}
	if (ferror(stdin))
		die("cannot read standard input: %s", strerror(errno));
	free(line);
}

int main(int argc, char **argv)
{
	tool_start(&tool, argc, argv);
	struct tokenizer *t = tokenizer_open(model_dir);
	if (text)
		show(t, text, strlen(text), "--text");
	else
		show_lines(t);
	if (fflush(stdout) || ferror(stdout))
		die("cannot write standard output: %s", strerror(errno));
	tokenizer_close(t);
	return 0;
}
