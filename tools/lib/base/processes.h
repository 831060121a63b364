/* processes.h: the processes that have come of one, from /proc. */
#ifndef PROCESSES_H
#define PROCESSES_H

#include <stdbool.h>
#include <sys/types.h>

struct process {
	pid_t pid, parent;
	char name[16]; /* the kernel's: the first 15 bytes of the program's */
	double age;    /* seconds since it was started */
};

struct processes {
	int n, room;
	struct process *process;
};

/* Into `p`, whose room is used again: the children of `of`, their children, and so on. Where /proc
 * says nothing, there are none. */
void processes_below(struct processes *p, pid_t of);
bool process_is(const struct process *p, const char *program);
/* Bytes that they hold together; a page that several share counts once where the kernel says so. */
double processes_memory(const struct processes *p);
void processes_release(struct processes *p);

#endif
