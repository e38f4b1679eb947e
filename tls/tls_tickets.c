#include "tls/tls_tickets.h"
#include <stdlib.h>
#include <string.h>
#include "engine/base/hash_map.h"
#include "engine/base/list.h"
#include "tls/tls_crypto.h"

struct kept {
	struct list_node node; /* of its group, the newest last */
	struct tls_ticket ticket;
	uint64_t expires_s;
	size_t bytes;
};

/* All under one key. Empty only while it is barred. */
struct group {
	struct hash_node node;
	struct list_node use_node;
	struct list kept;
	uint32_t count;
	uint64_t barred_until_s;
	uint8_t key[TLS_TICKET_KEY_LEN];
};

static_assert(
	sizeof(struct group) + 2 * sizeof(void *) <= TLS_TICKET_KEY_BYTES, "with its buckets");

struct tls_tickets {
	struct hash_map groups;
	struct list by_use; /* groups, the one not used longest first */
	uint32_t count;
	size_t bytes, bytes_max;
};

static struct text key_of(const struct hash_node *node)
{
	const struct group *group = CONTAINER_OF(node, struct group, node);
	return text_of_bytes((const char *)group->key, TLS_TICKET_KEY_LEN);
}

/* ---- life ---- */

struct tls_tickets *tls_tickets_create(size_t bytes_max)
{
	struct tls_tickets *tickets = calloc(1, sizeof *tickets);
	struct siphash_key hash_key;
	if (tickets == NULL)
		return NULL;
	tickets->bytes_max = bytes_max;
	list_init(&tickets->by_use);
	tls_random_fill(&hash_key, sizeof hash_key);
	if (hash_map_init(&tickets->groups, 64, &hash_key, key_of) != RESULT_OK) {
		free(tickets);
		return NULL;
	}
	return tickets;
}

/* The session is the caller's now. */
static struct tls_ticket take_out(
	struct tls_tickets *tickets, struct group *group, struct kept *kept)
{
	struct tls_ticket ticket = kept->ticket;
	list_remove(&kept->node);
	CHECK(group->count > 0 && tickets->count > 0 && tickets->bytes >= kept->bytes);
	group->count--;
	tickets->count--;
	tickets->bytes -= kept->bytes;
	free(kept);
	return ticket;
}

static void forget_oldest(struct tls_tickets *tickets, struct group *group)
{
	struct kept *oldest = CONTAINER_OF(list_first(&group->kept), struct kept, node);
	SSL_SESSION_free(take_out(tickets, group, oldest).session);
}

static void remove_group(struct tls_tickets *tickets, struct group *group)
{
	while (group->count > 0)
		forget_oldest(tickets, group);
	hash_map_remove(&tickets->groups, &group->node);
	list_remove(&group->use_node);
	CHECK(tickets->bytes >= TLS_TICKET_KEY_BYTES);
	tickets->bytes -= TLS_TICKET_KEY_BYTES;
	free(group);
}

static struct group *least_used(struct tls_tickets *tickets)
{
	return CONTAINER_OF(list_first(&tickets->by_use), struct group, use_node);
}

void tls_tickets_destroy(struct tls_tickets *tickets)
{
	if (tickets == NULL)
		return;
	while (!list_is_empty(&tickets->by_use))
		remove_group(tickets, least_used(tickets));
	CHECK(tickets->count == 0 && tickets->bytes == 0);
	hash_map_deinit(&tickets->groups);
	free(tickets);
}

/* ---- finding ---- */

static struct group *find(struct tls_tickets *tickets, const uint8_t key[static TLS_TICKET_KEY_LEN])
{
	struct text text = text_of_bytes((const char *)key, TLS_TICKET_KEY_LEN);
	struct hash_node *node = hash_map_find(&tickets->groups, text);
	return node != NULL ? CONTAINER_OF(node, struct group, node) : NULL;
}

static void touch(struct tls_tickets *tickets, struct group *group)
{
	list_remove(&group->use_node);
	list_push_back(&tickets->by_use, &group->use_node);
}

static struct group *find_or_add(
	struct tls_tickets *tickets, const uint8_t key[static TLS_TICKET_KEY_LEN])
{
	struct group *group = find(tickets, key);
	if (group != NULL) {
		touch(tickets, group);
		return group;
	}
	group = calloc(1, sizeof *group);
	if (group == NULL)
		return NULL;
	list_init(&group->kept);
	memcpy(group->key, key, TLS_TICKET_KEY_LEN);
	hash_map_insert(&tickets->groups, &group->node);
	list_push_back(&tickets->by_use, &group->use_node);
	tickets->bytes += TLS_TICKET_KEY_BYTES;
	return group;
}

struct tls_ticket tls_tickets_take(
	struct tls_tickets *tickets, const uint8_t key[static TLS_TICKET_KEY_LEN], uint64_t now_s)
{
	struct tls_ticket ticket = { .session = NULL };
	struct group *group = find(tickets, key);
	while (group != NULL && group->count > 0 && ticket.session == NULL) {
		struct kept *newest = CONTAINER_OF(list_last(&group->kept), struct kept, node);
		bool is_good = now_s < newest->expires_s;
		if (is_good && !SSL_SESSION_should_be_single_use(newest->ticket.session)) {
			SSL_SESSION_up_ref(newest->ticket.session);
			ticket = newest->ticket;
			touch(tickets, group);
			return ticket;
		}
		struct tls_ticket taken = take_out(tickets, group, newest);
		if (is_good)
			ticket = taken;
		else
			SSL_SESSION_free(taken.session);
	}
	if (group != NULL && group->count == 0 && now_s >= group->barred_until_s)
		remove_group(tickets, group);
	return ticket;
}

/* ---- keeping ---- */

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* When it must not be offered any more: what the peer says, within what we allow. */
static uint64_t expiry_s(const struct tls_ticket *ticket, uint64_t now_s)
{
	uint64_t lifetime_s =
		least(SSL_SESSION_get_timeout(ticket->session), TLS_TICKET_LIFETIME_MAX_S);
	uint32_t hint_s = SSL_SESSION_get_ticket_lifetime_hint(ticket->session); /* 0: not said */
	if (hint_s != 0)
		lifetime_s = least(lifetime_s, hint_s);
	return least(now_s + lifetime_s, ticket->proved_s + TLS_TICKET_LINEAGE_MAX_S);
}

static size_t bytes_of(const SSL_SESSION *session)
{
	const STACK_OF(CRYPTO_BUFFER) *certs = SSL_SESSION_get0_peer_certificates(session);
	const uint8_t *ticket;
	size_t bytes = 0;
	SSL_SESSION_get0_ticket(session, &ticket, &bytes);
	bytes += TLS_TICKET_BASE_BYTES;
	for (size_t i = 0; certs != NULL && i < sk_CRYPTO_BUFFER_num(certs); i++)
		bytes += CRYPTO_BUFFER_len(sk_CRYPTO_BUFFER_value(certs, i));
	return bytes;
}

static bool is_too_large(const SSL_SESSION *session)
{
	const uint8_t *ticket;
	size_t ticket_len = 0;
	SSL_SESSION_get0_ticket(session, &ticket, &ticket_len);
	return ticket_len > TLS_TICKET_BYTES_MAX;
}

/* All that is too much, but never the ticket that came last. */
static void make_room(struct tls_tickets *tickets, struct group *used)
{
	while (used->count > TLS_TICKETS_PER_KEY)
		forget_oldest(tickets, used);
	while (tickets->bytes > tickets->bytes_max) {
		struct group *group = least_used(tickets);
		if (group->count > 0)
			forget_oldest(tickets, group);
		if (group->count == 0)
			remove_group(tickets, group);
	}
}

static bool is_barred(
	struct tls_tickets *tickets, const uint8_t key[static TLS_TICKET_KEY_LEN], uint64_t now_s)
{
	const struct group *group = find(tickets, key);
	return group != NULL && now_s < group->barred_until_s;
}

void tls_tickets_put(struct tls_tickets *tickets, const uint8_t key[static TLS_TICKET_KEY_LEN],
	struct tls_ticket ticket, uint64_t now_s)
{
	uint64_t expires_s = expiry_s(&ticket, now_s);
	size_t bytes = bytes_of(ticket.session);
	bool fits =
		bytes + TLS_TICKET_KEY_BYTES <= tickets->bytes_max && !is_too_large(ticket.session);
	struct kept *kept = NULL;
	struct group *group = NULL;
	if (now_s < expires_s && fits && !is_barred(tickets, key, now_s))
		kept = malloc(sizeof *kept);
	if (kept != NULL)
		group = find_or_add(tickets, key);
	if (group == NULL) {
		SSL_SESSION_free(ticket.session);
		free(kept);
		return;
	}
	*kept = (struct kept){ .ticket = ticket, .expires_s = expires_s, .bytes = bytes };
	while (!SSL_SESSION_should_be_single_use(ticket.session) && group->count > 0)
		forget_oldest(tickets, group);
	list_push_back(&group->kept, &kept->node);
	group->count++;
	tickets->count++;
	tickets->bytes += bytes;
	make_room(tickets, group);
}

void tls_tickets_bar(
	struct tls_tickets *tickets, const uint8_t key[static TLS_TICKET_KEY_LEN], uint64_t now_s)
{
	struct group *group = find_or_add(tickets, key);
	if (group == NULL)
		return;
	while (group->count > 0)
		forget_oldest(tickets, group);
	group->barred_until_s = now_s + TLS_TICKET_BAR_S;
	make_room(tickets, group);
}

uint32_t tls_tickets_count(const struct tls_tickets *tickets) { return tickets->count; }

size_t tls_tickets_bytes(const struct tls_tickets *tickets) { return tickets->bytes; }
