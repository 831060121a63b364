/* launch.h: LAUNCH, the words that start a tool on another machine:
 * srun -n1 -c{cpus} --mem={mem} -Q -X -i none.
 *
 * LAUNCH is put before every tool that computes. These are the stages with a planned peak of memory
 * (forecast_stage()). The others move small files, and run where make runs.
 *
 * {mem} is what the stage needs in MiB: its planned peak, and room for what schedulers count beside
 * the process. {cpus} is the number of its threads. */
#ifndef LAUNCH_H
#define LAUNCH_H

#include "plan/plan.h"

/* Seconds that a step waits until it sees a file that another machine has made. NFS keeps the names
 * in a folder for at most a minute (acdirmax). */
enum { LAUNCH_WAIT = 75 };

/* die_usage() where LAUNCH is empty, names something else in braces, or has a quotation mark, a
 * backslash or a dollar: its words are passed on as they are. */
void launch_check(const char *launch);

/* LAUNCH for this stage, filled in (allocated): words between blanks. NULL: the stage runs where
 * make runs. */
char *launch_words(const struct plan *p, enum stage stage);

#endif
