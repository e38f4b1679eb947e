#include "tests/unit/engine/route/fake_fetches.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

enum { ROWS_MAX = 32, PENDING_MAX = 64 };

struct row {
	const char *domain, *body;
	enum sts_fault fault;
};

struct pending {
	struct list waiters; /* one, or none when it has left */
	char domain[256], id[STS_ID_BYTES_MAX + 1];
};

struct sts_fetches {
	struct row rows[ROWS_MAX];
	size_t rows_count;
	struct pending pending[PENDING_MAX];
	size_t pending_count;
	char log[4096], told[4096];
};

static struct sts_fetches fake;

struct sts_fetches *fake_fetches_reset(void)
{
	memset(&fake, 0, sizeof fake);
	return &fake;
}

static struct row *row_of(const char *domain)
{
	for (size_t i = 0; i < fake.rows_count; i++)
		if (strcmp(fake.rows[i].domain, domain) == 0)
			return &fake.rows[i];
	return NULL;
}

static void script(struct row row)
{
	struct row *old = row_of(row.domain);
	assert_true(old != NULL || fake.rows_count < ROWS_MAX);
	*(old != NULL ? old : &fake.rows[fake.rows_count++]) = row;
}

void fake_fetches_says(const char *domain, const char *body)
{
	script((struct row){ .domain = domain, .body = body });
}

void fake_fetches_fails(const char *domain, enum sts_fault fault)
{
	script((struct row){ .domain = domain, .fault = fault });
}

static void put(char *out, size_t size, struct text text)
{
	assert_true(text.len < size);
	memcpy(out, text.data != NULL ? text.data : "", text.len);
	out[text.len] = '\0';
}

/* A host that the script does not know fails the test. */
static const struct row *known_row(struct text domain)
{
	char name[256];
	put(name, sizeof name, domain);
	const struct row *row = row_of(name);
	if (row == NULL)
		fail_msg("nobody expected a fetch for %s", name);
	return row;
}

enum sts_fetches_state sts_fetches_state(
	struct sts_fetches *fetches, struct text domain, struct text id)
{
	(void)id;
	for (size_t i = 0; i < fetches->pending_count; i++)
		if (text_equal(text_of(fetches->pending[i].domain), domain))
			return STS_FETCHES_BUSY;
	return known_row(domain)->fault == STS_FAULT_WAITS ? STS_FETCHES_WAITS : STS_FETCHES_FREE;
}

bool sts_fetches_ask(struct sts_fetches *fetches, const struct sts_question *question,
	struct sts_waiter *waiter, struct sts_answer *out_answer)
{
	static struct fail fail;
	const struct row *row = known_row(question->domain);
	size_t used = strlen(fetches->log);
	snprintf(fetches->log + used, sizeof fetches->log - used, "%s%.*s id=%.*s addresses=%zu",
		used > 0 ? ", " : "", TEXT_ARG(question->domain), TEXT_ARG(question->id),
		question->addresses_count);
	if (row->fault == STS_FAULT_WAITS) {
		fail_set(&fail, RESULT_TIMEOUT, "not tried again for 299 s");
		*out_answer = (struct sts_answer){ .fault = row->fault, .fail = &fail };
		return false;
	}
	assert_true(fetches->pending_count < PENDING_MAX);
	struct pending *pending = &fetches->pending[fetches->pending_count++];
	list_init(&pending->waiters);
	list_push_back(&pending->waiters, &waiter->node);
	put(pending->domain, sizeof pending->domain, question->domain);
	put(pending->id, sizeof pending->id, question->id);
	return true;
}

void sts_fetches_leave(struct sts_waiter *waiter)
{
	if (list_node_is_linked(&waiter->node))
		list_remove(&waiter->node);
}

static void answer_one(struct pending *pending, bool is_again)
{
	const struct row *row = row_of(pending->domain);
	struct fail fail;
	fail_set(&fail, RESULT_IO, "%s", sts_fault_text(row->fault));
	const struct sts_answer answer = {
		.fault = row->fault,
		.fail = &fail,
		.body = row->body != NULL ? text_of(row->body) : TEXT_EMPTY,
		.id = text_of(pending->id),
		.is_again = is_again,
	};
	struct list_node *node = list_pop_front(&pending->waiters);
	if (node == NULL)
		return;
	struct sts_waiter *waiter = CONTAINER_OF(node, struct sts_waiter, node);
	waiter->answer(waiter, &answer);
}

unsigned fake_fetches_deliver(void)
{
	unsigned count = 0;
	char last[sizeof fake.pending[0].domain] = "";
	while (fake.pending_count > 0) {
		struct pending first;
		/* The list's head must not move: its one node is put over. */
		list_init(&first.waiters);
		list_splice_back(&first.waiters, &fake.pending[0].waiters);
		memcpy(first.domain, fake.pending[0].domain, sizeof first.domain);
		memcpy(first.id, fake.pending[0].id, sizeof first.id);
		for (size_t i = 1; i < fake.pending_count; i++) {
			memcpy(fake.pending[i - 1].domain, fake.pending[i].domain, sizeof first.domain);
			memcpy(fake.pending[i - 1].id, fake.pending[i].id, sizeof first.id);
			list_init(&fake.pending[i - 1].waiters);
			list_splice_back(&fake.pending[i - 1].waiters, &fake.pending[i].waiters);
		}
		fake.pending_count--;
		answer_one(&first, strcmp(first.domain, last) == 0);
		memcpy(last, first.domain, sizeof last);
		count++;
	}
	return count;
}

const char *fake_fetches_log(void)
{
	memcpy(fake.told, fake.log, sizeof fake.told);
	fake.log[0] = '\0';
	return fake.told;
}

unsigned fake_fetches_pending(void) { return (unsigned)fake.pending_count; }
