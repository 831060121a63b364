/* command.h: runs another command; for the tools that do so. */
#ifndef COMMAND_H
#define COMMAND_H

#include <stdbool.h>
#include <sys/types.h>

/* Starts the command (NULL-terminated, found by PATH) as a child, with `out` and `err` as its
 * standard output and error (−1: ours). die() where there is no process for it; where it cannot be
 * run, the child says so in one line and exits 127, as a shell has it. From here on INT, TERM and
 * HUP do not end this process. What a process sent to this one alone goes on to the child; the
 * terminal's signals reach the child without us. A signal that is ignored stays ignored, in the
 * child too. One child at a time. */
pid_t command_start(char **command, int out, int err);
/* The child has ended: signals have nowhere to go. */
void command_ended(void);
/* Whether one of these signals has come. */
bool command_interrupted(void);

/* The exit status that tells how the command ended (`status` of waitpid). If a signal ended the
 * command, this process ends by the same signal. */
int command_leave(int status);

#endif
