/* A process whose main thread has exited while another thread lives on: its /proc/<pid>/net is empty. */
#include <pthread.h>
#include <unistd.h>

static void *live_on(void *seconds)
{
	sleep(*(unsigned int *)seconds);
	return NULL;
}

int main(void)
{
	static unsigned int seconds = 300;
	pthread_t thread;

	if (pthread_create(&thread, NULL, live_on, &seconds))
		return 1;
	pthread_exit(NULL);
}
