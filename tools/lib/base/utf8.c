/* utf8.c: see utf8.h. */
#include "base/utf8.h"

#include <utf8proc.h>

#include "base/die.h"

size_t utf8_bytes(const char *text, size_t left)
{
	unsigned char c = (unsigned char)*text;
	size_t n = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	return n < left ? n : left;
}

size_t utf8_valid(const char *text, size_t bytes)
{
	size_t at = 0;
	while (at < bytes) {
		utf8proc_int32_t code;
		utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)text + at,
						      (utf8proc_ssize_t)(bytes - at), &code);
		if (n <= 0)
			break;
		at += (size_t)n;
	}
	return at;
}

char *utf8_words(char byte)
{
	return xformat("expected UTF-8, found the byte 0x%02x: is it Latin-1? iconv -f LATIN1 -t "
		       "UTF-8 converts",
		       (unsigned char)byte);
}

int utf8_code(const char *text, size_t left)
{
	utf8proc_int32_t code;
	utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)left, &code);
	return code;
}

size_t utf8_put(int code, char *to)
{
	return (size_t)utf8proc_encode_char(code, (utf8proc_uint8_t *)to);
}
