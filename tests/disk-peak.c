/* disk-peak FOLDER RESULT COMMAND…: runs a command, and writes into RESULT the most bytes that
 * FOLDER took on the disk meanwhile. It looks 200 times a second. */
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long bytes;

static int count(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)path, (void)at;
	bytes += type == FTW_F ? 512LL * st->st_blocks : 0;
	return 0;
}

static long long look_while(pid_t child, const char *folder, int *status)
{
	const struct timespec pause = {0, 5000000};
	long long most = 0;

	while (waitpid(child, status, WNOHANG) == 0) {
		bytes = 0;
		nftw(folder, count, 16, FTW_PHYS);
		most = bytes > most ? bytes : most;
		nanosleep(&pause, NULL);
	}
	return most;
}

int main(int argc, char **argv)
{
	int status = 0;

	if (argc < 4)
		return 2;
	pid_t child = fork();
	if (child == 0) {
		execvp(argv[3], argv + 3);
		_exit(127);
	}
	long long most = look_while(child, argv[1], &status);
	FILE *f = fopen(argv[2], "w");
	if (!f || fprintf(f, "%lld\n", most) < 0 || fclose(f))
		return 2;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
