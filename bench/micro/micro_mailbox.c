/* What a message between two threads costs both of them, as long as neither sleeps. */
#include "bench/micro/micro.h"
#include "engine/io/mailbox.h"

enum {
	BURST = 64, /* posted, then taken: what a turn of a busy thread finds */
};

static void *set_up(void)
{
	struct mailbox *mailbox;
	struct fail fail;
	CHECK(mailbox_create(BURST, &mailbox, &fail) == RESULT_OK);
	return mailbox;
}

static void tear_down(void *state) { mailbox_destroy(state); }

static void run_post_and_take(void *state, uint64_t times)
{
	struct mailbox *mailbox = state;
	struct mailbox_message message = { .kind = 1 };
	for (uint64_t i = 0; i < times; i += BURST) {
		for (uint32_t j = 0; j < BURST; j++) {
			message.number = j;
			mailbox_post(mailbox, &message);
		}
		for (uint32_t j = 0; j < BURST; j++)
			CHECK(mailbox_take(mailbox, &message) && message.number == j);
	}
}

static const struct micro_case cases[] = {
	{ .name = "mailbox: post a message and take it",
		.bound_ns = 150,
		.setup = set_up,
		.run = run_post_and_take,
		.teardown = tear_down },
};

int main(int argc, char **argv) { return micro_main(cases, COUNT_OF(cases), argc, argv); }
