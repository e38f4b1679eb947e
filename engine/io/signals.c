#include "engine/io/signals.h"
#include <errno.h>
#include <signal.h>
#include <unistd.h>
#include "engine/base/check.h"

static void read_next(struct signals *signals);

static sigset_t ours(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	return set;
}

void signals_block(void)
{
	sigset_t set = ours();
	CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
	CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	CHECK(signal(SIGIO, SIG_IGN) != SIG_ERR); /* of a lease: file_close_asking_writers() */
}

void signals_unblock(void)
{
	sigset_t set = ours();
	CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
	CHECK(signal(SIGIO, SIG_DFL) != SIG_ERR);
	CHECK(pthread_sigmask(SIG_UNBLOCK, &set, NULL) == 0);
}

static void read_done(struct io_op *op, const struct io_result *result)
{
	struct signals *signals = CONTAINER_OF(op, struct signals, op);
	if (signals->fd < 0)
		return; /* closed meanwhile */
	int number =
		result->value == (int32_t)sizeof signals->info ? (int)signals->info.ssi_signo : 0;
	read_next(signals);
	if (number != 0)
		signals->fn(signals, number);
}

static void read_next(struct signals *signals)
{
	ring_read(signals->ring, &signals->op, signals->fd, &signals->info, sizeof signals->info,
		RING_AT_CURSOR, read_done);
}

enum result signals_open(
	struct signals *signals, struct ring *ring, signals_fn *fn, struct fail *fail)
{
	sigset_t set = ours();
	*signals = (struct signals){ .ring = ring, .fn = fn };
	signals->fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (signals->fd < 0)
		return fail_set_errno(fail, errno, "no descriptor for signals");
	read_next(signals);
	return RESULT_OK;
}

void signals_close(struct signals *signals)
{
	if (signals->fd < 0)
		return;
	int fd = signals->fd;
	signals->fd = -1;
	ring_cancel(signals->ring, &signals->op);
	ring_close_and_forget(signals->ring, fd);
}
