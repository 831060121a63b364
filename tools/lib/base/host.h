/* host.h: this machine among others that share its files. */
#ifndef HOST_H
#define HOST_H

/* The host's name, with '_' for every character that a file's name should not have. */
const char *host_name(void);

/* "job 17.0 on node3" in a step of Slurm, where several machines may run steps of one make; else
 * NULL. */
const char *host_job(void);

#endif
