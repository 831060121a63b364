/* bytelevel.c: see bytelevel.h. */
#include "model/tokenizer/bytelevel.h"

#include "base/utf8.h"

const char bytelevel_pattern[] =
	"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

enum { FIRST_OTHER = 0x100, OTHERS = 68 };

static bool is_itself(int byte)
{
	return (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

/* The i-th byte that does not stand for itself. */
static int other_byte(int i)
{
	int byte = 0;
	for (; is_itself(byte) || i-- > 0; byte++)
		;
	return byte;
}

static int code_of(int byte)
{
	int before = 0;
	if (is_itself(byte))
		return byte;
	for (int i = 0; i < byte; i++)
		before += !is_itself(i);
	return FIRST_OTHER + before;
}

static int byte_of(int code)
{
	if (code >= FIRST_OTHER && code < FIRST_OTHER + OTHERS)
		return other_byte(code - FIRST_OTHER);
	return code < FIRST_OTHER && is_itself(code) ? code : -1;
}

void bytelevel_put(const void *unused, const char *bytes, size_t n, struct text *to)
{
	(void)unused;
	for (size_t i = 0; i < n; i++) {
		char character[4];
		text_put(to, character, utf8_put(code_of((unsigned char)bytes[i]), character));
	}
}

void bytelevel_take(const char *text, size_t n, struct text *to)
{
	size_t before = to->n;
	for (size_t at = 0; at < n; at += utf8_bytes(text + at, n - at)) {
		int byte = byte_of(utf8_code(text + at, n - at));
		char one = (char)byte;
		if (byte < 0) {
			to->n = before;
			text_put(to, text, n);
			return;
		}
		text_put(to, &one, 1);
	}
}
