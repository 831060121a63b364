/* command.h: what the tools share that run another command in their place. */
#ifndef COMMAND_H
#define COMMAND_H

/* Becomes the command (NULL-terminated, found by PATH). Where it cannot be run: one line, and exit 127, as a shell has it. For a fork's child. */
_Noreturn void command_become(char **command);

/* The exit status that says how the command ended (`status` of waitpid). A command that a signal ended: the caller ends by the same signal. */
int command_leave(int status);

#endif
