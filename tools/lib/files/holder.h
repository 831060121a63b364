/* holder.h: which run holds a WORK folder, among all machines that share it.
 *
 * WORK/lock is locked by flock() (tools/with-lock.c). The kernel releases it when the last process
 * of a run has ended. But a file system may keep such locks to one machine. So the run also makes
 * WORK/.holder, exclusively: a file that exists for all machines. It holds a token of the run, and
 * its command.
 *
 * The token is in the environment of all steps of the run (MERGE_LORA_RUN), on other machines too.
 * A step may outlive its run: its make was killed, or its machine was lost for a while. Such a step
 * must not write into the next run's files. So each step compares the token before it renames an
 * output. */
#ifndef HOLDER_H
#define HOLDER_H

/* Makes FOLDER/.holder and sets the environment. The caller holds the lock, so a file of this
 * machine is left by a killed run, and is replaced. die() if it is another machine's. */
void holder_take(const char *folder, char *const *command);
void holder_release(const char *folder);

/* die() if another run has begun, or the run of this process has ended. Does nothing in a process
 * that belongs to no run. `target`: what is about to be written. */
void holder_check(const char *target);

#endif
