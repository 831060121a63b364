/* h5_error.c: the HDF5 library's message about a failed call, in one line. */
#include <hdf5.h>
#include <stdio.h>
#include <string.h>

#include "base/die.h"
#include "files/h5/h5_private.h"

static herr_t see_error(unsigned n, const H5E_error2_t *e, void *arg)
{
	static const char mark[] = "error message = '";
	struct reason *r = arg;
	const char *desc = e->desc ? e->desc : "", *words = strstr(desc, mark);
	(void)n;
	if (strstr(desc, "checksum") || strstr(desc, "filter returned failure"))
		r->damaged = true;
	if (words && !r->from_system) {
		words += sizeof(mark) - 1;
		snprintf(r->text, sizeof(r->text), "%.*s", (int)strcspn(words, "'"), words);
		r->from_system = true;
	} else if (!*r->text) {
		snprintf(r->text, sizeof(r->text), "%s", desc);
	}
	return 0;
}

struct reason h5_reason_now(void)
{
	struct reason r = {.text = ""};
	H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, see_error,
		 &r); /* upward: the innermost comes first */
	if (!*r.text)
		snprintf(r.text, sizeof(r.text), "unknown HDF5 error");
	return r;
}

_Noreturn void h5_fail(const struct h5 *f, const char *verb, const char *what, const char *obj)
{
	struct reason r = h5_reason_now();
	if (!what && r.damaged)
		die("'%s' is damaged: %s", f->path, r.text);
	if (!what)
		die("cannot %s '%s': %s", verb, f->path, r.text);
	if (r.damaged)
		die("%s '%s' of '%s' is damaged: %s", what, obj, f->path, r.text);
	die("cannot %s %s '%s' of '%s': %s", verb, what, obj, f->path, r.text);
}

hid_t h5_must(hid_t id)
{
	if (id < 0)
		die("HDF5: %s", h5_reason_now().text);
	return id;
}
