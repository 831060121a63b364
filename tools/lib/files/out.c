/* out.c: outputs under temporary names. They are removed however the process ends, except by
 * SIGKILL.
 *
 * The names are in a static table, so that the signal handler only has to unlink(): no allocation,
 * no lock, no pointer that another thread could free. At worst it unlinks a name that was just
 * renamed. Names are never used twice, so it then finds nothing.
 *
 * Processes of several machines may write into one folder, so a name has the machine's.
 *
 * A child made by fork() must not remove its parent's files, so every entry has the process that
 * began it. */
#include "files/out.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/die.h"
#include "base/host.h"
#include "files/holder.h"

enum { MAX_PENDING = 64 }; /* outputs of a process at a time: a few per task */

static struct pending {
	volatile sig_atomic_t live;
	pid_t owner;
	char *target;
	char tmp[PATH_MAX];
} pending[MAX_PENDING];

/* In a temporary name, before the process, its count and its machine. */
#define MARK ".tmp-"

static void (*commit_hook)(const char *tmp, const char *target);

static void remove_pending(void)
{
	pid_t self = getpid();
	for (int i = 0; i < MAX_PENDING; i++) {
		if (pending[i].live && pending[i].owner == self) {
			unlink(pending[i].tmp);
			pending[i].live = 0;
		}
	}
}

static void on_signal(int sig)
{
	remove_pending();
	/* SA_RESETHAND has restored the default action, and SA_NODEFER leaves the signal unblocked.
	 * So the process ends as killed by the signal, which make and the shell look at. */
	raise(sig);
}

static void install_once(void)
{
	static bool done;
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	if (done)
		return;
	done = true;
	if (atexit(remove_pending))
		die("cannot register the removal of temporary files");
	/* write() beyond a file size limit then fails with EFBIG, and is reported like any failed
	 * write. */
	if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
		die("cannot ignore signal %d: %s", SIGXFSZ, strerror(errno));
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		struct sigaction old,
			sa = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND | SA_NODEFER};
		sigemptyset(&sa.sa_mask);
		/* The parent ignored the signal (nohup): keep ignoring it. */
		if (sigaction(signals[i], NULL, &old) || old.sa_handler == SIG_IGN)
			continue;
		if (sigaction(signals[i], &sa, NULL))
			die("cannot handle signal %d: %s", signals[i], strerror(errno));
	}
}

/* ------------------------------------------------------------ folders */

static bool is_folder(const char *path)
{
	struct stat st;
	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

static void make_one(const char *path)
{
	/* Another process may create the folder at the same moment, so it is examined only after
	 * mkdir() has failed. */
	if (!mkdir(path, 0777) || (errno == EEXIST && is_folder(path)))
		return;
	int e = errno;
	if (is_folder(path)) /* a read-only or automounted parent gives EROFS or EACCES for an
				existing folder */
		return;
	die("cannot make folder '%s': %s", path, strerror(e == EEXIST ? ENOTDIR : e));
}

void make_folder(const char *path)
{
	if (is_folder(path))
		return;
	char *p = xstrdup(path);
	for (char *s = p + 1; *p && *s; s++) {
		if (*s == '/' && s[-1] != '/') {
			*s = 0;
			make_one(p);
			*s = '/';
		}
	}
	if (*p)
		make_one(p);
	free(p);
}

/* The folder of a file, allocated. */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (!slash)
		return xstrdup(".");
	return slash == path ? xstrdup("/") : xformat("%.*s", (int)(slash - path), path);
}

void make_parent_folder(const char *path)
{
	char *folder = folder_of(path);
	make_folder(folder);
	free(folder);
}

/* ------------------------------------------------------------ outputs */

static struct pending *find(const char *target)
{
	pid_t self = getpid();
	for (int i = 0; i < MAX_PENDING; i++)
		if (pending[i].live && pending[i].owner == self &&
		    !strcmp(pending[i].target, target))
			return &pending[i];
	return NULL;
}

static struct pending *free_entry(void)
{
	pid_t self = getpid();
	for (int i = 0; i < MAX_PENDING; i++)
		if (!pending[i].live || pending[i].owner != self)
			return &pending[i];
	BUG("more than %d outputs at once", MAX_PENDING);
}

/* Creates the temporary file for an entry whose name is not live yet. */
static void create_temporary(struct pending *p, const char *target)
{
	static unsigned count;
	const char *slash = strrchr(target, '/');
	const char *name = slash ? slash + 1 : target;
	int dir = slash ? (int)(slash + 1 - target) : 0, fd;
	if (!*name)
		die("cannot create '%s': it names a folder", target);
	do {
		int n = snprintf(p->tmp, sizeof(p->tmp), "%.*s.%s" MARK "%ld-%u-%s", dir, target,
				 name, (long)getpid(), count++, host_name());
		if (n < 0 || (size_t)n >= sizeof(p->tmp))
			die("cannot create '%s': %s", target, strerror(ENAMETOOLONG));
		/* The entry is live before the file exists. A signal in between then finds nothing,
		 * but never misses the file. The name can only exist already as a left-over of an
		 * earlier process with the same number. */
		p->live = 1;
		fd = open(p->tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (fd < 0)
			p->live = 0;
	} while (fd < 0 && errno == EEXIST);
	if (fd < 0)
		die("cannot create '%s': %s", target, strerror(errno));
	if (close(fd))
		die("cannot create '%s': %s", target, strerror(errno));
}

const char *out_begin(const char *target)
{
	install_once();
	if (find(target))
		die("'%s' is asked for twice: two outputs under one name", target);
	if (is_folder(target))
		die("cannot create '%s': %s", target, strerror(EISDIR));
	make_parent_folder(target);
	struct pending *p = free_entry();
	p->live = 0;
	free(p->target);
	p->target = xstrdup(target);
	p->owner = getpid();
	create_temporary(p, target);
	return p->tmp;
}

static void sync_path(const char *path, int flags, const char *target, bool folder)
{
	int fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		die("cannot sync '%s': %s", target, strerror(errno));
	/* Some network and FUSE file systems cannot sync a folder, and return EINVAL: then there is
	 * nothing to wait for. */
	if (fsync(fd) && !(folder && errno == EINVAL))
		die("cannot sync '%s': %s", target, strerror(errno));
	if (close(fd) && !folder)
		die("cannot sync '%s': %s", target, strerror(errno));
}

static struct pending *begun(const char *target)
{
	struct pending *p = find(target);
	if (!p)
		BUG("commit of '%s', which was not begun", target);
	return p;
}

void out_on_commit(void (*hook)(const char *tmp, const char *target))
{
	commit_hook = hook;
}

void out_replace(const char *target)
{
	struct pending *p = begun(target);
	if (commit_hook)
		commit_hook(p->tmp, target);
	holder_check(target);
	if (rename(p->tmp, target))
		die("cannot rename the finished file to '%s': %s", target, strerror(errno));
	p->live = 0;
}

void out_commit(const char *target)
{
	sync_path(begun(target)->tmp, O_WRONLY, target, false);
	out_replace(target);
	char *folder = folder_of(target);
	sync_path(folder, O_RDONLY | O_DIRECTORY, target, true);
	free(folder);
}

void out_move(const char *from, const char *to)
{
	if (rename(from, to))
		die("cannot rename '%s' to '%s': %s", from, to, strerror(errno));
	char *folder = folder_of(to);
	sync_path(folder, O_RDONLY | O_DIRECTORY, to, true);
	free(folder);
}

void out_abort(const char *target)
{
	struct pending *p = find(target);
	if (!p)
		return;
	unlink(p->tmp);
	p->live = 0;
}

bool out_is_temporary(const char *name, struct out_writer *by)
{
	const char *mark = NULL;
	char *end;

	for (const char *s = name; *name == '.' && (s = strstr(s, MARK)); s++)
		mark = s;
	if (!mark)
		return false;
	by->pid = strtol(mark + strlen(MARK), &end, 10);
	by->host = *end == '-' ? strchr(end + 1, '-') : NULL;
	by->host = by->host ? by->host + 1 : host_name();
	return by->pid > 0 && *end == '-';
}

/* ------------------------------------------------------------ copies */

static FILE *open_file(const char *path, const char *mode, const char *name)
{
	FILE *f = fopen(path, mode);

	if (!f)
		die("cannot %s '%s': %s", *mode == 'r' ? "open" : "write", name, strerror(errno));
	return f;
}

void out_copy(const char *from, const char *target)
{
	static char buffer[1 << 16];
	FILE *in = open_file(from, "rbe", from), *out = open_file(out_begin(target), "wbe", target);
	size_t n;

	while ((n = fread(buffer, 1, sizeof(buffer), in)) > 0)
		if (fwrite(buffer, 1, n, out) != n)
			die("cannot write '%s': %s", target, strerror(errno));
	if (ferror(in))
		die("cannot read '%s': %s", from, strerror(errno));
	if (fclose(out))
		die("cannot write '%s': %s", target, strerror(errno));
	fclose(in);
	out_commit(target);
}

/* ------------------------------------------------------------ texts */

void out_write_text(const char *target, const char *text)
{
	const char *tmp = out_begin(target);
	int fd = open(tmp, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		die("cannot write '%s': %s", target, strerror(errno));
	for (size_t left = strlen(text); left > 0;) {
		ssize_t k = write(fd, text, left);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			die("cannot write '%s': %s", target, strerror(errno));
		text += k;
		left -= (size_t)k;
	}
	if (close(fd))
		die("cannot write '%s': %s", target, strerror(errno));
	out_commit(target);
}

char *out_read_text(const char *path)
{
	FILE *f = fopen(path, "rbe");
	char *text = NULL;
	size_t n = 0, room = 0;
	if (!f && errno == ENOENT)
		return NULL;
	if (!f)
		die("cannot open '%s': %s", path, strerror(errno));
	do {
		room = 2 * room + 4096;
		text = xrealloc(text, room + 1);
		n += fread(text + n, 1, room - n, f);
	} while (n == room);
	if (ferror(f))
		die("cannot read '%s': %s", path, strerror(errno));
	fclose(f);
	for (size_t i = 0; i < n;
	     i++) /* a text has no zero byte; a damaged file with one would read as another text */
		text[i] = text[i] ? text[i] : '?';
	text[n] = 0;
	return text;
}

int out_update_text(const char *target, const char *text)
{
	char *have = out_read_text(target);
	bool same = have && !strcmp(have, text);
	free(have);
	if (same)
		return 0;
	out_write_text(target, text);
	return 1;
}
