/* h5_link.c: groups and links. */
#include <hdf5.h>
#include <stdlib.h>
#include <string.h>

#include "base/die.h"
#include "files/h5/h5.h"
#include "files/h5/h5_private.h"

/* H5Lexists needs every group on the way to exist, so the path is walked. */
bool h5_has(struct h5 *f, const char *obj)
{
	char *path = xstrdup(obj);
	bool there = true;
	for (char *s = path; there && *s;) {
		s += strspn(s, "/");
		if (!*s)
			break;
		s += strcspn(s, "/");
		char kept = *s;
		*s = 0;
		htri_t link = H5Lexists(f->file, path, H5P_DEFAULT);
		if (link < 0)
			h5_fail(f, "look up", "object", path);
		there = link > 0 && H5Oexists_by_name(f->file, path, H5P_DEFAULT) > 0;
		*s = kept;
		/* To go one level deeper, this must be a group and no dataset. */
		if (there && kept) {
			H5O_info_t info;
			*s = 0;
			if (H5Oget_info_by_name(f->file, path, &info, H5P_DEFAULT) < 0)
				h5_fail(f, "look up", "object", path);
			*s = kept;
			there = info.type == H5O_TYPE_GROUP;
		}
	}
	free(path);
	return there;
}

static void group_create(struct h5 *f, const char *path)
{
	/* H5Pset_create_intermediate_group is not used: it stores the time of day in the groups. */
	hid_t gcpl = h5_must(H5Pcreate(H5P_GROUP_CREATE));
	h5_plain_object(gcpl);
	h5_plain_group(gcpl);
	hid_t g = H5Gcreate2(f->file, path, H5P_DEFAULT, gcpl, H5P_DEFAULT);
	if (g < 0 || H5Gclose(g) < 0)
		h5_fail(f, "create", "group", path);
	H5Pclose(gcpl);
}

void h5_make_groups(struct h5 *f, const char *path, bool last)
{
	if (!f->writing)
		BUG("'%s' is open for reading", f->path);
	char *p = xstrdup(path);
	for (char *s = p + strspn(p, "/"); *s;) {
		s += strcspn(s, "/");
		if (!*s && !last)
			break;
		char kept = *s;
		*s = 0;
		if (!h5_has(f, p))
			group_create(f, p);
		*s = kept;
		s += strspn(s, "/");
	}
	free(p);
}

void h5_group(struct h5 *f, const char *path)
{
	h5_make_groups(f, path, true);
}

void h5_link(struct h5 *f, const char *path, const char *newpath)
{
	h5_make_groups(f, newpath, false);
	if (H5Lcreate_hard(f->file, path, f->file, newpath, H5P_DEFAULT, H5P_DEFAULT) < 0)
		h5_fail(f, "create", "link", newpath);
}

struct names {
	char **name;
	int n;
};

static herr_t add_name(hid_t group, const char *name, const H5L_info_t *info, void *arg)
{
	struct names *l = arg;
	(void)group;
	(void)info;
	l->name = xrealloc(l->name, (size_t)(l->n + 1) * sizeof(*l->name));
	l->name[l->n++] = xstrdup(name);
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void h5_each(struct h5 *f, const char *group, void (*fn)(const char *name, void *arg), void *arg)
{
	struct names l = {NULL, 0};
	if (!h5_has(f, group))
		die("'%s' has no group '%s'", f->path, group);
	/* Names are collected first, so that fn may change the file. */
	if (H5Literate_by_name(f->file, group, H5_INDEX_NAME, H5_ITER_INC, NULL, add_name, &l,
			       H5P_DEFAULT) < 0)
		h5_fail(f, "list", "group", group);
	if (l.n)
		qsort(l.name, (size_t)l.n, sizeof(*l.name), compare_names);
	for (int i = 0; i < l.n; i++) {
		fn(l.name[i], arg);
		free(l.name[i]);
	}
	free(l.name);
}
