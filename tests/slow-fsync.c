/* slow-fsync.c: preloaded into a tool, holds it for ten seconds where its output is written but
 * does not yet have its final name, so that a test can send a signal at that very moment. A signal
 * that ends the process ends the wait. */
#include <unistd.h>

int fsync(int fd);

int fsync(int fd)
{
	(void)fd;
	sleep(10);
	return 0;
}
