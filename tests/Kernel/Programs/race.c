/*
 * One thread opens a file again and again, another puts a different file in the descriptor's place as soon as it is there:
 * race WANTED OTHER TIMES prints how often the file was opened.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int other, target;
static volatile int done;

static void *replace(void *unused)
{
	while (!done)
		dup2(other, target);
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	int times = argc > 3 ? atoi(argv[3]) : 0, opened = 0;

	other = open(argv[2], O_RDONLY);
	target = other + 1;
	if (other < 0 || pthread_create(&thread, 0, replace, 0))
		return 1;
	for (int i = 0; i < times; i++) {
		close(target);
		int fd = open(argv[1], O_RDONLY);
		opened += fd >= 0;
		if (fd != target)
			close(fd);
	}
	done = 1;
	pthread_join(thread, 0);
	printf("%d\n", opened);
	return 0;
}
