/* runlog.h: log.tsv, with one line per process of a run, as tool_done() writes it: tool, message,
 * seconds real and cpu, peak MB, start. Malformed lines are die(). */
#ifndef RUNLOG_H
#define RUNLOG_H

struct runlog_line {
	char *tool, *message;
	double real, cpu, peak; /* seconds, seconds, MB */
	double started;         /* seconds since 1970; 0: the line does not say */
};

struct runlog {
	int n;
	struct runlog_line *line;
};

void runlog_read(struct runlog *l, const char *path);
void runlog_release(struct runlog *l);

#endif
