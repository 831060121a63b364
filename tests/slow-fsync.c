/* slow-fsync.c: preloaded into a tool, delays it by ten seconds when its output is written but does
 * not have its final name yet. A test can then send a signal at this moment. A signal that ends the
 * process ends the delay. */
#include <unistd.h>

int fsync(int fd);

int fsync(int fd)
{
	(void)fd;
	sleep(10);
	return 0;
}
