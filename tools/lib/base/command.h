/* command.h: runs another command; for the tools that do so. */
#ifndef COMMAND_H
#define COMMAND_H

#include <stdbool.h>
#include <sys/types.h>

/* Starts the command as a child. It is NULL-terminated and found by PATH; `out` and `err` become
 * its standard output and error (−1: ours). die() where no process can be made. If the command
 * cannot be run, the child says so in one line and exits 127, as a shell does.
 *
 * From here on INT, TERM and HUP do not end this process. A signal that another process sends only
 * to this one is passed on to the child. The terminal's signals reach the child by themselves. An
 * ignored signal stays ignored, in the child too. Only one child at a time. */
pid_t command_start(char **command, int out, int err);
/* Call it after the child has ended: signals are no longer passed on. */
void command_ended(void);
/* Starts the command with our output, and waits until it has ended. Returns its status, as of
 * waitpid(). */
int command_run(char **command);
/* Whether one of these signals has come. */
bool command_interrupted(void);

/* The exit status that tells how the command ended (`status` of waitpid). If a signal ended the
 * command, this process ends by the same signal. */
int command_leave(int status);

#endif
