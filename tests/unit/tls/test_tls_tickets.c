/* The store of tickets by itself, with sessions that no peer gave: bounds, lifetimes, barred keys (TLS-14,
 * TLS-15). How a connection uses it: test_tls_resume.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "engine/base/policy.h"
#include "tests/unit/unit.h"
#include "tls/tls_tickets.h"

enum {
	NOW_S = 5000,
	BUDGET = 64 * 1024,
	COST = TLS_TICKET_BASE_BYTES +
	       TLS_TICKET_KEY_BYTES, /* of one that is alone under its key */
};

static SSL_CTX *ssl_ctx;
static struct tls_tickets *tickets;

struct key {
	uint8_t bytes[TLS_TICKET_KEY_LEN];
};

static struct key key_of(unsigned number)
{
	struct key key = { 0 };
	memcpy(key.bytes, &number, sizeof number);
	return key;
}

static void begin(size_t bytes_max)
{
	ssl_ctx = SSL_CTX_new(TLS_with_buffers_method());
	tickets = tls_tickets_create(bytes_max);
	assert_true(ssl_ctx != NULL && tickets != NULL);
}

static void end(void)
{
	tls_tickets_destroy(tickets);
	SSL_CTX_free(ssl_ctx);
}

/* As one that came now and descends from a handshake of just now. */
static SSL_SESSION *put(unsigned number, uint16_t version, uint32_t lifetime_s, uint64_t now_s)
{
	SSL_SESSION *session = SSL_SESSION_new(ssl_ctx);
	assert_true(SSL_SESSION_set_protocol_version(session, version));
	SSL_SESSION_set_timeout(session, lifetime_s);
	struct key key = key_of(number);
	tls_tickets_put(tickets, key.bytes,
		(struct tls_ticket){ .session = session, .proved_s = now_s }, now_s);
	return session; /* theirs, if they keep it: to compare only */
}

/* True if this is what is found; NULL: nothing. */
static bool takes(unsigned number, uint64_t now_s, const SSL_SESSION *session)
{
	struct key key = key_of(number);
	struct tls_ticket ticket = tls_tickets_take(tickets, key.bytes, now_s);
	bool same = ticket.session == session;
	SSL_SESSION_free(ticket.session);
	return same;
}

static void bar(unsigned number, uint64_t now_s)
{
	struct key key = key_of(number);
	tls_tickets_bar(tickets, key.bytes, now_s);
}

static void the_newest_is_taken_first_and_under_tls_1_3_once(void **state) /* TLS-15 */
{
	(void)state;
	begin(BUDGET);
	SSL_SESSION *first = put(1, TLS_VERSION_1_3, 600, NOW_S);
	SSL_SESSION *second = put(1, TLS_VERSION_1_3, 600, NOW_S);
	assert_int_equal(tls_tickets_bytes(tickets), COST + TLS_TICKET_BASE_BYTES);
	assert_true(takes(2, NOW_S, NULL));
	assert_true(takes(1, NOW_S, second));
	assert_true(takes(1, NOW_S, first));
	assert_true(takes(1, NOW_S, NULL));
	assert_int_equal(tls_tickets_bytes(tickets), 0);
	first = put(1, TLS_VERSION_1_2, 600, NOW_S);
	assert_true(takes(1, NOW_S, first));
	assert_true(takes(1, NOW_S, first));
	second = put(1, TLS_VERSION_1_2, 600, NOW_S); /* replaces it */
	assert_int_equal(tls_tickets_count(tickets), 1);
	assert_true(takes(1, NOW_S, second));
	end();
}

/* RFC 8446 4.6.1: the peer's lifetime, in which 0 means at once; and ours, where it is shorter. */
static void a_ticket_lasts_as_long_as_the_peer_says_and_not_longer_than_we_do(
	void **state) /* TLS-15 */
{
	(void)state;
	static const struct {
		uint32_t said_s, lasts_s;
	} table[] = {
		{ 1, 1 },
		{ 600, 600 },
		{ TLS_TICKET_LIFETIME_MAX_S, TLS_TICKET_LIFETIME_MAX_S },
		{ 7 * 24 * 3600, TLS_TICKET_LIFETIME_MAX_S },
		{ UINT32_MAX, TLS_TICKET_LIFETIME_MAX_S },
	};
	begin(BUDGET);
	put(1, TLS_VERSION_1_3, 0, NOW_S);
	assert_int_equal(tls_tickets_count(tickets), 0);
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		SSL_SESSION *session = put(1, TLS_VERSION_1_2, table[i].said_s, NOW_S);
		assert_true(takes(1, NOW_S + table[i].lasts_s - 1, session));
		assert_true(takes(1, NOW_S + table[i].lasts_s, NULL));
		assert_int_equal(tls_tickets_count(tickets), 0); /* and is gone */
	}
	end();
}

static void what_descends_from_an_old_handshake_lasts_shorter(void **state)
{
	(void)state;
	enum { PROVED_S = NOW_S, LAST_S = PROVED_S + TLS_TICKET_LINEAGE_MAX_S };
	begin(BUDGET);
	struct key key = key_of(1);
	SSL_SESSION *session = SSL_SESSION_new(ssl_ctx);
	assert_true(SSL_SESSION_set_protocol_version(session, TLS_VERSION_1_2));
	tls_tickets_put(tickets, key.bytes, (struct tls_ticket){ session, PROVED_S }, LAST_S - 60);
	assert_true(takes(1, LAST_S - 1, session));
	assert_true(takes(1, LAST_S, NULL));
	end();
}

static void what_was_not_used_longest_makes_room(void **state)
{
	(void)state;
	begin((size_t)4 * COST);
	for (unsigned i = 0; i < 4; i++)
		put(i, TLS_VERSION_1_2, 600, NOW_S);
	assert_int_equal(tls_tickets_bytes(tickets), 4 * COST);
	assert_false(takes(0, NOW_S, NULL)); /* now 1 is the oldest */
	put(4, TLS_VERSION_1_2, 600, NOW_S);
	assert_int_equal(tls_tickets_bytes(tickets), 4 * COST);
	assert_true(takes(1, NOW_S, NULL));
	assert_false(takes(0, NOW_S, NULL));
	for (unsigned i = 2; i < 5; i++)
		assert_false(takes(i, NOW_S, NULL));
	end();
}

/* Also keys that hold nothing: else a peer's trouble at many places would cost memory without bound. */
static void barred_keys_are_within_the_budget_too(void **state)
{
	(void)state;
	begin(10 * TLS_TICKET_KEY_BYTES);
	for (unsigned i = 0; i < 1000; i++) {
		bar(i, NOW_S);
		assert_true(tls_tickets_bytes(tickets) <= 10 * TLS_TICKET_KEY_BYTES);
	}
	assert_int_equal(tls_tickets_bytes(tickets), 10 * TLS_TICKET_KEY_BYTES);
	end();
	begin(TLS_TICKET_KEY_BYTES - 1); /* none fits: nothing happens */
	bar(1, NOW_S);
	put(1, TLS_VERSION_1_3, 600, NOW_S);
	assert_int_equal(tls_tickets_bytes(tickets), 0);
	end();
}

static void under_a_barred_key_nothing_is_found_or_kept_for_an_hour(void **state)
{
	(void)state;
	begin(BUDGET);
	put(1, TLS_VERSION_1_3, 600, NOW_S);
	put(1, TLS_VERSION_1_3, 600, NOW_S);
	put(2, TLS_VERSION_1_3, 600, NOW_S);
	bar(1, NOW_S);
	assert_int_equal(tls_tickets_count(tickets), 1);
	assert_true(takes(1, NOW_S, NULL));
	put(1, TLS_VERSION_1_3, 600, NOW_S + TLS_TICKET_BAR_S - 1);
	assert_true(takes(1, NOW_S + TLS_TICKET_BAR_S - 1, NULL));
	assert_false(takes(2, NOW_S, NULL)); /* another place is not touched by it */
	put(1, TLS_VERSION_1_3, 600, NOW_S + TLS_TICKET_BAR_S);
	assert_false(takes(1, NOW_S + TLS_TICKET_BAR_S, NULL));
	assert_int_equal(tls_tickets_bytes(tickets), 0); /* nor does it stay behind */
	end();
}

static void one_key_holds_so_many_the_oldest_goes(void **state)
{
	(void)state;
	begin(BUDGET);
	SSL_SESSION *newest = NULL;
	for (int i = 0; i < TLS_TICKETS_PER_KEY + 5; i++)
		newest = put(1, TLS_VERSION_1_3, 600, NOW_S);
	assert_int_equal(tls_tickets_count(tickets), TLS_TICKETS_PER_KEY);
	assert_true(takes(1, NOW_S, newest));
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_newest_is_taken_first_and_under_tls_1_3_once),
		cmocka_unit_test(a_ticket_lasts_as_long_as_the_peer_says_and_not_longer_than_we_do),
		cmocka_unit_test(what_descends_from_an_old_handshake_lasts_shorter),
		cmocka_unit_test(what_was_not_used_longest_makes_room),
		cmocka_unit_test(barred_keys_are_within_the_budget_too),
		cmocka_unit_test(under_a_barred_key_nothing_is_found_or_kept_for_an_hour),
		cmocka_unit_test(one_key_holds_so_many_the_oldest_goes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
