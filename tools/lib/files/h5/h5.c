/* h5.c: the HDF5 files that stages exchange: create, commit, open, close.
 *
 * The HDF5 library prints nothing and does nothing in exit(). After a failed write it would
 * otherwise try again there, and print. */
#include "files/h5/h5.h"

#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/die.h"
#include "files/checksums.h"
#include "files/h5/h5_private.h"
#include "files/h5/h5form.h"
#include "files/out.h"

static void library_init(void)
{
	static bool done;
	if (done)
		return;
	done = true;
	H5dont_atexit(); /* fails only if HDF5 is already in use; then it is too late to matter */
	if (H5open() < 0 || H5Eset_auto2(H5E_DEFAULT, NULL, NULL) < 0)
		die("cannot start the HDF5 library");
}

/* ------------------------------------------------------------ the form of a file
 *
 * Attributes and links are stored in the headers of their objects, however many there are. h5form.c
 * then has no heaps and trees to check. No times are stored. */

enum { ALL_COMPACT = 65535 };

void h5_plain_object(hid_t list)
{
	h5_must(H5Pset_obj_track_times(list, false));
	h5_must(H5Pset_attr_phase_change(list, ALL_COMPACT, 0));
}

void h5_plain_group(hid_t list)
{
	h5_must(H5Pset_link_phase_change(list, ALL_COMPACT, 0));
}

/* ------------------------------------------------------------ files */

/* The oldest format with checksums on all metadata, and no newer one, so that the bytes do not
 * depend on the library's version. The format of 1.8 has no checksum on the index of chunks: with
 * one wrong bit there, a chunk reads as zeros. Locks are off: a file under its final name is never
 * written again, and some network file systems have no locks. */
static hid_t file_access_list(void)
{
	hid_t fapl = h5_must(H5Pcreate(H5P_FILE_ACCESS));
	h5_must(H5Pset_fclose_degree(fapl, H5F_CLOSE_SEMI));
	h5_must(H5Pset_libver_bounds(fapl, H5F_LIBVER_V110, H5F_LIBVER_V110));
	h5_must(H5Pset_file_locking(fapl, false, true));
	return fapl;
}

struct h5 *h5_create(const char *target, const char *schema, int version)
{
	library_init();
	struct h5 *f = xcalloc(1, sizeof(*f));
	f->path = xstrdup(target);
	f->writing = true;
	hid_t fapl = file_access_list(), fcpl = h5_must(H5Pcreate(H5P_FILE_CREATE));
	h5_plain_object(fcpl);
	h5_plain_group(fcpl);
	/* out_begin() has created the file exclusively, under a unique name. */
	f->file = H5Fcreate(out_begin(target), H5F_ACC_TRUNC, fcpl, fapl);
	if (f->file < 0)
		h5_fail(f, "create", NULL, NULL);
	H5Pclose(fapl);
	H5Pclose(fcpl);
	h5_set_string(f, "/", "schema", schema);
	h5_set_int(f, "/", "schema_version", version);
	return f;
}

static void h5_release(struct h5 *f)
{
	free(f->path);
	free(f);
}

void h5_commit(struct h5 *f)
{
	if (!f->writing)
		BUG("commit of '%s', which is open for reading", f->path);
	h5_datasets_close(f);
	h5_set_int(f, "/", "complete", 1);
	/* On a full disk H5Fflush fails, while H5Fclose may return 0. */
	if (H5Fflush(f->file, H5F_SCOPE_LOCAL) < 0 || H5Fclose(f->file) < 0)
		h5_fail(f, "write", NULL, NULL);
	out_commit(f->path);
	h5_release(f);
}

void h5_discard(struct h5 *f)
{
	if (!f)
		return;
	h5_datasets_close(f);
	if (H5Fclose(f->file) < 0)
		h5_fail(f, "write", NULL, NULL);
	out_abort(f->path);
	h5_release(f);
}

/* Gives the system's message for a missing file; HDF5 would wrap it in its own. */
static void need_hdf5(const char *path)
{
	static const unsigned char signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
	unsigned char head[8] = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die("cannot open '%s': %s", path, strerror(errno));
	ssize_t n = read(fd, head, sizeof(head));
	if (n < 0)
		die("cannot read '%s': %s", path, strerror(errno));
	close(fd);
	/* Our files have no user block, so the signature is at the start. */
	if (n == (ssize_t)sizeof(head) && !memcmp(head, H5_RELEASED, sizeof(head)))
		die("'%s' was " H5_RELEASED_WORDS, path);
	if (n != (ssize_t)sizeof(head) || memcmp(head, signature, sizeof(head)))
		die("'%s' is not an HDF5 file", path);
}

static bool root_has_attribute(struct h5 *f, const char *name)
{
	htri_t there = H5Aexists_by_name(f->file, "/", name, H5P_DEFAULT);
	if (there < 0)
		h5_fail(f, "read", NULL, NULL);
	return there > 0;
}

struct h5 *h5_open(const char *path, const char *schema, int version)
{
	library_init();
	checksums_check(path);
	need_hdf5(path);
	h5form_check(path);
	struct h5 *f = xcalloc(1, sizeof(*f));
	f->path = xstrdup(path);
	hid_t fapl = file_access_list();
	f->file = H5Fopen(path, H5F_ACC_RDONLY, fapl);
	if (f->file < 0)
		h5_fail(f, "open", NULL, NULL);
	H5Pclose(fapl);
	if (!root_has_attribute(f, "schema"))
		die("'%s': expected schema '%s', found a file without schema", path, schema);
	char *found = h5_get_string(f, "/", "schema");
	if (strcmp(found, schema))
		die("'%s': expected schema '%s', found '%s'", path, schema, found);
	free(found);
	long v = h5_get_int(f, "/", "schema_version");
	if (v != version)
		die("'%s': expected version %d of schema '%s', found %ld", path, version, schema,
		    v);
	if (!root_has_attribute(f, "complete") || h5_get_int(f, "/", "complete") != 1)
		die("'%s' is not complete: it has no attribute 'complete' of value 1", path);
	return f;
}

void h5_close(struct h5 *f)
{
	if (!f)
		return;
	if (f->writing)
		BUG("close of '%s', which is open for writing", f->path);
	h5_datasets_close(f);
	if (H5Fclose(f->file) < 0)
		h5_fail(f, "close", NULL, NULL);
	h5_release(f);
}

void h5_rest(struct h5 *f)
{
	BUG_IF(f->writing);
	h5_datasets_close(f);
}

const char *h5_path(const struct h5 *f)
{
	return f->path;
}
