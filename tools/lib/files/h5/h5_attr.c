/* h5_attr.c: attributes. */
#include <hdf5.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "files/h5/h5.h"
#include "files/h5/h5_private.h"

/* Names an attribute and its object, for messages. */
_Noreturn static void fail_attribute(struct h5 *f, const char *verb, const char *obj,
				     const char *name)
{
	struct reason r = h5_reason_now();
	if (r.damaged)
		die("attribute '%s' of '%s' in '%s' is damaged: %s", name, obj, f->path, r.text);
	die("cannot %s attribute '%s' of '%s' in '%s': %s", verb, name, obj, f->path, r.text);
}

static void set_attribute(struct h5 *f, const char *obj, const char *name, hid_t disk, hid_t mem,
			  const void *v)
{
	if (!f->writing)
		BUG("'%s' is open for reading", f->path);
	if (!h5_has(f, obj))
		BUG("attribute '%s' of '%s', which '%s' does not have", name, obj, f->path);
	hid_t space = h5_must(H5Screate(H5S_SCALAR));
	hid_t a = H5Acreate_by_name(f->file, obj, name, disk, space, H5P_DEFAULT, H5P_DEFAULT,
				    H5P_DEFAULT);
	if (a < 0 || H5Awrite(a, mem, v) < 0)
		fail_attribute(f, "write", obj, name);
	if (H5Aclose(a) < 0)
		fail_attribute(f, "write", obj, name);
	H5Sclose(space);
}

bool h5_has_attribute(struct h5 *f, const char *obj, const char *name)
{
	htri_t there = H5Aexists_by_name(f->file, obj, name, H5P_DEFAULT);

	if (there < 0)
		fail_attribute(f, "read", obj, name);
	return there > 0;
}

void h5_set_int(struct h5 *f, const char *obj, const char *name, long v)
{
	set_attribute(f, obj, name, H5T_STD_I64LE, H5T_NATIVE_LONG, &v);
}

void h5_set_double(struct h5 *f, const char *obj, const char *name, double v)
{
	set_attribute(f, obj, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &v);
}

/* A string of fixed length: it is stored in the object's header and covered by its checksum. A
 * string of variable length is not. */
void h5_set_string(struct h5 *f, const char *obj, const char *name, const char *v)
{
	hid_t t = h5_must(H5Tcopy(H5T_C_S1));
	h5_must(H5Tset_size(t, strlen(v) + 1));
	h5_must(H5Tset_cset(t, H5T_CSET_UTF8));
	set_attribute(f, obj, name, t, t, v);
	H5Tclose(t);
}

/* Opens a scalar attribute and its type. The type must be of one of two classes. */
static hid_t open_attribute(struct h5 *f, const char *obj, const char *name, H5T_class_t a,
			    H5T_class_t b, const char *kind, hid_t *type)
{
	if (!h5_has(f, obj))
		die("'%s' has no '%s'", f->path, obj);
	if (!h5_has_attribute(f, obj, name))
		die("'%s' of '%s' has no attribute '%s'", obj, f->path, name);
	hid_t id = H5Aopen_by_name(f->file, obj, name, H5P_DEFAULT, H5P_DEFAULT);
	hid_t space = id < 0 ? id : H5Aget_space(id);
	*type = id < 0 ? id : H5Aget_type(id);
	if (id < 0 || space < 0 || *type < 0)
		fail_attribute(f, "read", obj, name);
	H5T_class_t c = H5Tget_class(*type);
	if ((c != a && c != b) || H5Sget_simple_extent_npoints(space) != 1)
		die("attribute '%s' of '%s' in '%s': expected %s, found another type or more than "
		    "one value",
		    name, obj, f->path, kind);
	H5Sclose(space);
	return id;
}

static void read_number(struct h5 *f, const char *obj, const char *name, H5T_class_t also,
			const char *kind, hid_t mem, void *v)
{
	hid_t type, id = open_attribute(f, obj, name, H5T_INTEGER, also, kind, &type);
	if (H5Aread(id, mem, v) < 0)
		fail_attribute(f, "read", obj, name);
	H5Tclose(type);
	H5Aclose(id);
}

long h5_get_int(struct h5 *f, const char *obj, const char *name)
{
	long v = 0;
	read_number(f, obj, name, H5T_INTEGER, "an integer", H5T_NATIVE_LONG, &v);
	return v;
}

double h5_get_double(struct h5 *f, const char *obj, const char *name)
{
	double v = 0;
	read_number(f, obj, name, H5T_FLOAT, "a number", H5T_NATIVE_DOUBLE, &v);
	return v;
}

char *h5_get_string(struct h5 *f, const char *obj, const char *name)
{
	hid_t type, id = open_attribute(f, obj, name, H5T_STRING, H5T_STRING, "a string", &type);
	char *v = xcalloc(H5Tget_size(type) + 1, 1);
	if (H5Aread(id, type, v) < 0)
		fail_attribute(f, "read", obj, name);
	H5Tclose(type);
	H5Aclose(id);
	return v;
}

void h5_expect_string(struct h5 *f, const char *name, const char *v)
{
	char *found = h5_get_string(f, "/", name);
	if (strcmp(found, v))
		die("'%s': expected %s '%s', found '%s'", f->path, name, v, found);
	free(found);
}

void h5_expect_int(struct h5 *f, const char *name, long v)
{
	long found = h5_get_int(f, "/", name);
	if (found != v)
		die("'%s': expected %s %ld, found %ld", f->path, name, v, found);
}
