/* processes.h: the descendants of a process, from /proc. */
#ifndef PROCESSES_H
#define PROCESSES_H

#include <stdbool.h>
#include <sys/types.h>

struct process {
	pid_t pid, parent;
	char name[16]; /* the kernel's name: the first 15 bytes of the program's name */
	double age;    /* seconds since it was started */
};

struct processes {
	int n, room;
	struct process *process;
};

/* Writes the children of `of`, their children, and so on into `p`, whose memory is reused. Where
 * /proc tells nothing, there are none. */
void processes_below(struct processes *p, pid_t of);
bool process_is(const struct process *p, const char *program);
/* Bytes that they hold together. A page that several share counts once, if the kernel tells. */
double processes_memory(const struct processes *p);
void processes_release(struct processes *p);

#endif
