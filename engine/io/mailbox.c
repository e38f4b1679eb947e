/* A bounded queue in which every cell carries a turn number (the idea of Dmitry Vyukov's bounded
 * queue): a cell whose turn equals the lap of a position is free for the sender that claims the
 * position; one higher, it holds a message for the receiver at that position; the receiver hands it
 * on to the next lap. The lap is the position without its place among the cells, so that a cell of
 * zeros is free for the first lap: the kernel gives such, each page when it is first used. Senders
 * contend on `tail` only; each cell has a cache line of its own, so two senders that write neighbours
 * do not disturb each other.
 *
 * Waking. The receiver sets `asleep` and then looks at the queue once more; a sender publishes
 * and then clears `asleep`. Both do it by an atomic exchange of the same variable, so one comes
 * first: if the sender's, the receiver's exchange sees all that went before it and so finds the
 * message; if the receiver's, the sender finds `asleep` set and writes the eventfd. No message
 * is slept over. */
#include "engine/io/mailbox.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>
#include "engine/io/clock.h"

enum {
	CACHE_LINE = 64,
	MAILBOX_KIND_PING = 0,
	MAILBOX_MESSAGES_MAX = 1 << 26, /* 4 GiB of cells: more is a mistake in the credits */
	MAILBOX_TEST_STEP_MS = 1,
};
#define MAILBOX_MAGIC 0x3a11b0c5u

struct mailbox_cell {
	_Alignas(CACHE_LINE) atomic_uint_least64_t turn;
	struct mailbox_message message;
};
static_assert(sizeof(struct mailbox_cell) == CACHE_LINE, "one line a cell");

struct mailbox {
	uint32_t magic;
	int fd;
	uint64_t mask;
	struct mailbox_cell *cells;
	/* The senders' line, the receiver's line, and the line that both touch. */
	_Alignas(CACHE_LINE) atomic_uint_least64_t tail;
	_Alignas(CACHE_LINE) atomic_uint_least64_t head;
	_Alignas(CACHE_LINE) atomic_bool asleep;
	atomic_uint_least32_t pongs;
};

static size_t cells_bytes(const struct mailbox *mailbox)
{
	return (mailbox->mask + 1) * sizeof *mailbox->cells;
}

static uint64_t lap(const struct mailbox *mailbox, uint64_t at) { return at & ~mailbox->mask; }

enum result mailbox_create(uint32_t messages, struct mailbox **out_mailbox, struct fail *fail)
{
	CHECK(messages > 0 && messages <= MAILBOX_MESSAGES_MAX);
	*out_mailbox = NULL;
	uint64_t capacity = 1;
	while (capacity < messages)
		capacity *= 2;
	struct mailbox *mailbox = aligned_alloc(CACHE_LINE, sizeof *mailbox);
	if (mailbox == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory for a mailbox");
	*mailbox = (struct mailbox){ .magic = MAILBOX_MAGIC, .mask = capacity - 1 };
	void *cells = mmap(NULL, cells_bytes(mailbox), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (cells == MAP_FAILED) {
		free(mailbox);
		return fail_set(fail, RESULT_MEMORY, "no memory for a mailbox of %llu messages",
			(unsigned long long)capacity);
	}
	mailbox->cells = cells;
	/* Blocking: a read through the ring waits, which one of a non-blocking eventfd would
	 * not. */
	mailbox->fd = eventfd(0, EFD_CLOEXEC);
	if (mailbox->fd < 0) {
		int error = errno;
		CHECK(munmap(cells, cells_bytes(mailbox)) == 0);
		free(mailbox);
		return fail_set_errno(fail, error, "no eventfd for a mailbox");
	}
	*out_mailbox = mailbox;
	return RESULT_OK;
}

void mailbox_destroy(struct mailbox *mailbox)
{
	if (mailbox == NULL)
		return;
	CHECK_OBJ(mailbox, MAILBOX_MAGIC);
	mailbox->magic = 0;
	close(mailbox->fd);
	CHECK(munmap(mailbox->cells, cells_bytes(mailbox)) == 0);
	free(mailbox);
}

void mailbox_wake(struct mailbox *mailbox)
{
	uint64_t one = 1;
	/* Blocks only at 2^64 - 2 unread wake-ups. */
	CHECK(write(mailbox->fd, &one, sizeof one) == (ssize_t)sizeof one);
}

static void put(struct mailbox *mailbox, const struct mailbox_message *message)
{
	uint64_t at = atomic_load_explicit(&mailbox->tail, memory_order_relaxed);
	struct mailbox_cell *cell;
	for (;;) {
		cell = &mailbox->cells[at & mailbox->mask];
		uint64_t turn = atomic_load_explicit(&cell->turn, memory_order_acquire);
		if (turn == lap(mailbox, at)) {
			if (atomic_compare_exchange_weak_explicit(&mailbox->tail, &at, at + 1,
				    memory_order_relaxed, memory_order_relaxed))
				break;
			continue; /* `at` was read anew */
		}
		/* A cell of the lap before, not yet taken: the mailbox is full, unless `at` is
		 * old. */
		uint64_t now = atomic_load_explicit(&mailbox->tail, memory_order_relaxed);
		CHECK(now != at);
		at = now;
	}
	cell->message = *message;
	atomic_store_explicit(&cell->turn, lap(mailbox, at) + 1, memory_order_release);
	if (atomic_exchange_explicit(&mailbox->asleep, false, memory_order_acq_rel))
		mailbox_wake(mailbox);
}

void mailbox_post(struct mailbox *mailbox, const struct mailbox_message *message)
{
	CHECK_OBJ(mailbox, MAILBOX_MAGIC);
	CHECK(message->kind != MAILBOX_KIND_PING);
	put(mailbox, message);
}

/* The cell of the next message, or NULL. */
static struct mailbox_cell *first(struct mailbox *mailbox, uint64_t *out_head)
{
	uint64_t head = atomic_load_explicit(&mailbox->head, memory_order_relaxed);
	struct mailbox_cell *cell = &mailbox->cells[head & mailbox->mask];
	*out_head = head;
	uint64_t turn = atomic_load_explicit(&cell->turn, memory_order_acquire);
	return turn == lap(mailbox, head) + 1 ? cell : NULL;
}

bool mailbox_take(struct mailbox *mailbox, struct mailbox_message *out_message)
{
	CHECK_OBJ(mailbox, MAILBOX_MAGIC);
	for (;;) {
		uint64_t head;
		struct mailbox_cell *cell = first(mailbox, &head);
		if (cell == NULL)
			return false;
		*out_message = cell->message;
		atomic_store_explicit(&mailbox->head, head + 1, memory_order_relaxed);
		atomic_store_explicit(&cell->turn, lap(mailbox, head) + mailbox->mask + 1,
			memory_order_release);
		if (out_message->kind != MAILBOX_KIND_PING)
			return true;
		atomic_fetch_add_explicit(&mailbox->pongs, 1, memory_order_release);
	}
}

bool mailbox_may_sleep(struct mailbox *mailbox)
{
	uint64_t head;
	(void)atomic_exchange_explicit(&mailbox->asleep, true, memory_order_acq_rel);
	if (first(mailbox, &head) == NULL)
		return true;
	mailbox_awake(mailbox);
	return false;
}

void mailbox_awake(struct mailbox *mailbox)
{
	atomic_store_explicit(&mailbox->asleep, false, memory_order_release);
}

int mailbox_fd(const struct mailbox *mailbox) { return mailbox->fd; }

uint32_t mailbox_capacity(const struct mailbox *mailbox) { return (uint32_t)(mailbox->mask + 1); }

uint32_t mailbox_used(const struct mailbox *mailbox)
{
	/* Head first: it can only have moved on since, so the difference is never negative. */
	uint64_t head = atomic_load_explicit(&mailbox->head, memory_order_acquire);
	uint64_t tail = atomic_load_explicit(&mailbox->tail, memory_order_relaxed);
	return tail > head ? (uint32_t)(tail - head) : 0;
}

/* ---- the test of the wake-up ---- */

static bool is_asleep(struct mailbox *mailbox)
{
	return atomic_load_explicit(&mailbox->asleep, memory_order_acquire);
}

void mailbox_ping(struct mailbox *mailbox)
{
	CHECK_OBJ(mailbox, MAILBOX_MAGIC);
	put(mailbox, &(const struct mailbox_message){ .kind = MAILBOX_KIND_PING });
}

uint32_t mailbox_pongs(struct mailbox *mailbox)
{
	CHECK_OBJ(mailbox, MAILBOX_MAGIC);
	return atomic_load_explicit(&mailbox->pongs, memory_order_acquire);
}

enum result mailbox_test(struct mailbox *mailbox, uint32_t timeout_ms, struct fail *fail)
{
	CHECK_OBJ(mailbox, MAILBOX_MAGIC);
	uint64_t deadline_ns = clock_now_ns() + (uint64_t)timeout_ms * 1000000;
	uint32_t before = atomic_load_explicit(&mailbox->pongs, memory_order_acquire);
	while (!is_asleep(mailbox)) {
		if (clock_now_ns() >= deadline_ns)
			return fail_set(fail, RESULT_TIMEOUT,
				"a thread did not come to rest in %u ms", timeout_ms);
		clock_wait_ms(MAILBOX_TEST_STEP_MS);
	}
	mailbox_ping(mailbox);
	while (atomic_load_explicit(&mailbox->pongs, memory_order_acquire) == before) {
		if (clock_now_ns() >= deadline_ns)
			return fail_set(fail, RESULT_TIMEOUT,
				"a thread that sleeps in io_uring was not woken by its eventfd in "
				"%u ms",
				timeout_ms);
		clock_wait_ms(MAILBOX_TEST_STEP_MS);
	}
	return RESULT_OK;
}
