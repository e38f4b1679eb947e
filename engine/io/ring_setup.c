/* Creating a ring on whatever kernel and under whatever limits, and saying in one line what has to
 * be changed where there is none to be had.
 *
 * Two ladders. The flags: the best set first, the next when the kernel does not know it
 * (EINVAL). The size: where RLIMIT_MEMLOCK counts the memory of rings (old kernels and, per
 * user, 6.18) a smaller ring is tried, after a short wait, since the memory of a process that
 * has just ended comes back late. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "engine/base/check.h"
#include "engine/io/clock.h"
#include "engine/io/ring_internal.h"

enum {
	RING_SUBMISSIONS_DEFAULT = 1024,
	RING_COMPLETIONS_FACTOR = 4, /* multishot: more completions than starts */
	RING_SUBMISSIONS_MIN = 64,   /* below this a turn would be cut into many enters */
	RING_BUFFERS_DEFAULT = 512,
	RING_BUFFER_BYTES_DEFAULT = 4096,
	RING_MEMORY_WAITS = 5,       /* times the next: what an old process takes to go */
	RING_MEMORY_WAIT_MS = 20,
	/* Threads that the kernel may start for a ring: for opens of what is not cached, and for
	 * sync. */
	RING_KERNEL_THREADS_MAX = 4,
};

static const struct {
	uint32_t flags;
	const char *text;
} rungs[] = {
	{ IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
		"single issuer, deferred task work" },
	{ IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN,
		"single issuer, cooperative task work" },
	{ IORING_SETUP_COOP_TASKRUN, "cooperative task work" },
	{ 0, "plain" },
};
static_assert(COUNT_OF(rungs) == RING_RUNGS, "ring_options.rung_first");

/* Valgrind 3.19 lets no other thread run while one sleeps in io_uring_enter(), so a program with several
 * rings would stand still; it knows poll(). */
static bool is_under_valgrind(void)
{
	const char *preload = getenv("LD_PRELOAD");
	return preload != NULL && strstr(preload, "vgpreload_") != NULL;
}

static bool is_power_of_two(uint32_t n) { return n != 0 && (n & (n - 1)) == 0; }

static struct ring_options with_defaults(const struct ring_options *given)
{
	struct ring_options options = *given;
	if (options.submissions == 0)
		options.submissions = RING_SUBMISSIONS_DEFAULT;
	if (options.completions == 0)
		options.completions = options.submissions * RING_COMPLETIONS_FACTOR;
	if (options.buffers == 0)
		options.buffers = RING_BUFFERS_DEFAULT;
	if (options.buffer_bytes == 0)
		options.buffer_bytes = RING_BUFFER_BYTES_DEFAULT;
	if (is_under_valgrind())
		options.waits_by_poll = true;
	/* With deferred task work poll() hears of completions only after somebody has entered. */
	if (options.waits_by_poll && options.rung_first == 0)
		options.rung_first = 1;
	CHECK(is_power_of_two(options.submissions) && is_power_of_two(options.buffers));
	CHECK(options.completions >= options.submissions);
	CHECK(options.rung_first < RING_RUNGS);
	return options;
}

/* 0 or -errno: one attempt with the buffers and all. */
static int try_rung(struct ring *ring, const struct ring_options *options, uint32_t submissions,
	unsigned rung)
{
	struct io_uring_params params = {
		.flags = rungs[rung].flags | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP |
			IORING_SETUP_SUBMIT_ALL,
		.cq_entries = submissions * (options->completions / options->submissions),
	};
	int error = io_uring_queue_init_params(submissions, &ring->uring, &params);
	if (error != 0)
		return error;
	/* Without it completions could be lost; in every kernel since 5.5. */
	CHECK(params.features & IORING_FEAT_NODROP);
	if (!options->without_buffers)
		error = ring_buffers_init(
			&ring->buffers, &ring->uring, options->buffers, options->buffer_bytes);
	if (error != 0) {
		io_uring_queue_exit(&ring->uring);
		return error;
	}
	ring->ready_max = params.cq_entries;
	snprintf(ring->description, sizeof ring->description,
		"%u/%u entries, %s, %u buffers of %u bytes, %s receive", params.sq_entries,
		params.cq_entries, rungs[rung].text, ring->buffers.count, ring->buffers.bytes,
		options->single_shot ? "single-shot" : "multishot");
	return 0;
}

/* Down the ladder of flags. */
static int try_size(struct ring *ring, const struct ring_options *options, uint32_t submissions)
{
	int error = -EINVAL;
	for (unsigned rung = options->rung_first; rung < RING_RUNGS && error == -EINVAL; rung++)
		error = try_rung(ring, options, submissions, rung);
	return error;
}

/* Down the ladder of sizes. */
static int try_all(struct ring *ring, const struct ring_options *options)
{
	uint32_t submissions = options->submissions;
	int error = try_size(ring, options, submissions);
	for (int i = 0; i < RING_MEMORY_WAITS && error == -ENOMEM; i++) {
		clock_wait_ms(RING_MEMORY_WAIT_MS);
		error = try_size(ring, options, submissions);
	}
	while (error == -ENOMEM && submissions / 2 >= RING_SUBMISSIONS_MIN) {
		submissions /= 2;
		error = try_size(ring, options, submissions);
	}
	return error;
}

/* The digit in kernel.io_uring_disabled, '0' where that switch does not exist. */
static char disabled_by_sysctl(void)
{
	char digit = '0';
	int fd = open("/proc/sys/kernel/io_uring_disabled", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (read(fd, &digit, 1) != 1)
			digit = '0';
		close(fd);
	}
	return digit;
}

static enum result explain_forbidden(struct fail *fail)
{
	switch (disabled_by_sysctl()) {
	case '1':
		return fail_set(fail, RESULT_UNAVAILABLE,
			"io_uring is forbidden to this user: put it into the group of "
			"kernel.io_uring_group, or run `sysctl kernel.io_uring_disabled=0`");
	case '2':
		return fail_set(fail, RESULT_UNAVAILABLE,
			"io_uring is switched off on this machine: run "
			"`sysctl kernel.io_uring_disabled=0`");
	default:
		return fail_set(fail, RESULT_UNAVAILABLE,
			"io_uring is forbidden by a seccomp filter: allow io_uring_setup, "
			"io_uring_enter and io_uring_register (Docker: a --security-opt seccomp= "
			"profile that has them)");
	}
}

static enum result explain_memory(struct fail *fail)
{
	struct rlimit limit = { 0 };
	(void)getrlimit(RLIMIT_MEMLOCK, &limit);
	if (limit.rlim_cur == RLIM_INFINITY)
		return fail_set(fail, RESULT_UNAVAILABLE, "no memory for an io_uring ring");
	return fail_set(fail, RESULT_UNAVAILABLE,
		"RLIMIT_MEMLOCK of %llu KiB is too small for an io_uring ring: set "
		"LimitMEMLOCK=infinity in the service, or raise `ulimit -l`",
		(unsigned long long)limit.rlim_cur / 1024);
}

static enum result explain(struct fail *fail, int error)
{
	switch (error) {
	case EPERM:
	case EACCES:
		return explain_forbidden(fail);
	case ENOSYS:
		return fail_set(fail, RESULT_UNAVAILABLE,
			"this kernel has no io_uring, or a seccomp filter hides it: use Linux "
			"5.19 or newer and allow io_uring_setup, io_uring_enter and "
			"io_uring_register");
	case EINVAL:
		return fail_set(fail, RESULT_UNAVAILABLE,
			"this kernel's io_uring is too old: use Linux 5.19 or newer");
	case ENOMEM:
		return explain_memory(fail);
	case EMFILE:
	case ENFILE:
		return fail_set(fail, RESULT_LIMIT,
			"no descriptor left for an io_uring ring: raise LimitNOFILE= or "
			"`ulimit -n`");
	default:
		return fail_set_errno(fail, error, "cannot set up an io_uring ring");
	}
}

enum result ring_create(
	const struct ring_options *given, struct ring **out_ring, struct fail *fail)
{
	*out_ring = NULL;
	struct ring_options options = with_defaults(given);
	struct ring *ring = calloc(1, sizeof *ring);
	if (ring == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory for a ring");
	int error = try_all(ring, &options);
	if (error != 0) {
		free(ring);
		return explain(fail, -error);
	}
	ring->ready = calloc(ring->ready_max, sizeof *ring->ready);
	if (ring->ready == NULL) {
		ring_buffers_deinit(&ring->buffers, &ring->uring);
		io_uring_queue_exit(&ring->uring);
		free(ring);
		return fail_set(fail, RESULT_MEMORY, "no memory for the completions of a ring");
	}
	ring->magic = RING_MAGIC;
	ring->thread = pthread_self();
	ring->multishot = !options.single_shot;
	ring->waits_by_poll = options.waits_by_poll;
	list_init(&ring->posted);
	list_init(&ring->starved);
	/* Both only make it cheaper; a kernel that refuses serves as well. */
	unsigned threads[2] = { RING_KERNEL_THREADS_MAX, RING_KERNEL_THREADS_MAX };
	(void)io_uring_register_iowq_max_workers(&ring->uring, threads);
	(void)io_uring_register_ring_fd(&ring->uring);
	*out_ring = ring;
	return RESULT_OK;
}

void ring_destroy(struct ring *ring)
{
	if (ring == NULL)
		return;
	CHECK_OBJ(ring, RING_MAGIC);
	CHECK(pthread_equal(ring->thread, pthread_self()));
	CHECK(ring->in_flight == 0);
	/* What was started and has nobody to tell (closes) must still be done. */
	(void)io_uring_submit(&ring->uring);
	ring_buffers_deinit(&ring->buffers, &ring->uring);
	io_uring_queue_exit(&ring->uring);
	ring->magic = 0;
	free(ring->ready);
	free(ring);
}
