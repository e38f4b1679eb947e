#include "tests/unit/engine/run/run_test.h"
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "engine/base/check.h"
#include "engine/io/clock.h"
#include "tls/tls_context.h"

static void log_line(void *context, const char *line, size_t len)
{
	struct run_test *t = context;
	pthread_mutex_lock(&t->log_lock);
	if (len < sizeof t->log - t->log_len) {
		memcpy(t->log + t->log_len, line, len);
		t->log_len += len;
		t->log[t->log_len] = '\0';
	}
	pthread_mutex_unlock(&t->log_lock);
}

bool run_test_logged(struct run_test *t, const char *words)
{
	pthread_mutex_lock(&t->log_lock);
	bool found = strstr(t->log, words) != NULL;
	pthread_mutex_unlock(&t->log_lock);
	return found;
}

static char *copy(struct arena *arena, const char *text)
{
	size_t size = strlen(text) + 1;
	char *made = arena_alloc(arena, size);
	CHECK(made != NULL);
	memcpy(made, text, size);
	return made;
}

/* Texts of the options are borrowed from argv, so that it lives in the arena. */
static void make_config(struct run_test *t, const char *spool, const char *const *flags)
{
	const char *const first[] = { "longship send", "--helo", "mail.sender.example", "--spool",
		spool };
	char *argv[COUNT_OF(first) + TEST_FLAGS_MAX];
	struct fail fail = { 0 };
	int argc = 0;
	arena_init(&t->arena, 16384, OPTIONS_ARENA_BYTES_MAX);
	for (size_t i = 0; i < COUNT_OF(first); i++)
		argv[argc++] = copy(&t->arena, first[i]);
	for (; flags != NULL && *flags != NULL; flags++) {
		CHECK((size_t)argc < COUNT_OF(argv));
		argv[argc++] = copy(&t->arena, *flags);
	}
	CHECK(options_parse(&send_option_table, &t->options, argc, argv, &t->arena, NULL, &fail) ==
		RESULT_OK);
	CHECK(run_config_init(&t->config, &t->options, &t->arena, &fail) == RESULT_OK);
	t->config.log.sink = log_line;
	t->config.log.sink_context = t;
	if (t->options.workers == 0)
		t->config.workers_count = 1;
}

void run_test_init(struct run_test *t, const char *spool, const char *const *flags)
{
	struct fail fail;
	*t = (struct run_test){ .log_lock = PTHREAD_MUTEX_INITIALIZER };
	make_config(t, spool, flags);
	struct hub *hub = &t->hub;
	hub->config = &t->config;
	queue_clock_start(&hub->clock, clock_now_ns(), clock_wall_us(), 0);
	hub->workers_count = t->config.workers_count;
	hub->workers = t->worker_mailboxes;
	CHECK(hub->workers_count <= TEST_WORKERS_MAX);
	body_budget_init(&hub->bodies, (size_t)t->options.memory_bytes);
	struct mailbox **const mailboxes[] = { &hub->scheduler, &hub->resolver, &hub->verifier,
		&hub->recorder, &hub->files, &hub->cache, &hub->main };
	for (size_t i = 0; i < COUNT_OF(mailboxes); i++)
		CHECK(mailbox_create(TEST_MAILBOX_MESSAGES, mailboxes[i], &fail) == RESULT_OK);
	for (uint32_t i = 0; i < hub->workers_count; i++)
		CHECK(mailbox_create(TEST_MAILBOX_MESSAGES, &hub->workers[i], &fail) == RESULT_OK);
	hub->tls_pool = tls_pool_create();
	CHECK(recovery_init(&t->recovery) == RESULT_OK);
}

void run_test_deinit(struct run_test *t)
{
	struct hub *hub = &t->hub;
	recovery_deinit(&t->recovery);
	tls_pool_destroy(hub->tls_pool);
	for (uint32_t i = 0; i < hub->workers_count; i++)
		mailbox_destroy(hub->workers[i]);
	mailbox_destroy(hub->scheduler);
	mailbox_destroy(hub->resolver);
	mailbox_destroy(hub->verifier);
	mailbox_destroy(hub->recorder);
	mailbox_destroy(hub->files);
	mailbox_destroy(hub->cache);
	mailbox_destroy(hub->main);
	CHECK(atomic_load(&hub->bodies.used_bytes) == 0);
	arena_deinit(&t->arena);
	pthread_mutex_destroy(&t->log_lock);
}

/* ---- things in work ---- */

static struct envelope_address address_of(struct text text)
{
	struct envelope_address address = { .text = text };
	const char *at = memrchr(text.data, '@', text.len);
	if (at != NULL)
		address.domain_at = (uint16_t)(at + 1 - text.data);
	for (const char *c = text.data; at != NULL && c < at; c++)
		address.needs_smtputf8 |= (uint8_t)*c > 127;
	return address;
}

struct envelope *test_envelope(const struct test_mail *mail)
{
	struct text rest = text_of(mail->rcpts != NULL ? mail->rcpts : "ann@a.example"), word;
	size_t count = 0, size = rest.len / 2 + 1;
	struct envelope_rcpt *rcpts = calloc(size, sizeof *rcpts);
	CHECK(rcpts != NULL);
	while (text_split(&rest, ' ', &word))
		rcpts[count++].address = address_of(word);
	const char *sender = mail->sender != NULL ? mail->sender : "news@list.example";
	const struct envelope draft = {
		.sender = address_of(text_of(sender)),
		.rcpts = rcpts,
		.rcpts_count = (uint32_t)count,
		.class = mail->class,
		.job = mail->job != NULL ? text_of(mail->job) : TEXT_EMPTY,
		.pool = mail->pool != NULL ? text_of(mail->pool) : TEXT_EMPTY,
		.id = mail->id != NULL ? text_of(mail->id) : TEXT_EMPTY,
		.not_before_unix_s = mail->not_before_unix_s,
		.expiry_unix_s = mail->expiry_unix_s,
		.message_bytes = mail->message_bytes != 0 ? mail->message_bytes : 100,
	};
	struct envelope *envelope = envelope_create(&draft);
	free(rcpts);
	CHECK(envelope != NULL);
	return envelope;
}

struct message *test_message(const struct test_mail *mail)
{
	const struct file_identity identity = {
		.inode = mail->inode != 0 ? mail->inode : 1,
		.birth_ns = mail->birth_ns != 0 ? mail->birth_ns : clock_wall_us() * 1000,
	};
	struct message *message = message_create(mail->name != NULL ? mail->name : "m1", &identity);
	CHECK(message != NULL);
	return message;
}

struct body *test_body(struct body_budget *budget, const char *text)
{
	size_t len = strlen(text);
	struct body *body = body_create(budget, len, 16);
	if (body == NULL)
		return NULL;
	memcpy(body->data, text, len);
	body->data_bytes = len;
	const char *end = strstr(text, "\r\n\r\n");
	body->header_bytes = end != NULL ? (size_t)(end + 2 - text) : len;
	for (size_t i = 0; i < len; i++)
		if (text[i] == '.' && (i == 0 || text[i - 1] == '\n'))
			body->dot_at[body->dots_count++] = (uint32_t)i;
	return body;
}

/* ---- routes ---- */

struct ip_address test_ip(const char *text)
{
	struct ip_address ip;
	CHECK(ip_address_parse(text_of(text), &ip) == RESULT_OK);
	return ip;
}

static struct route *new_route(const char *domain, uint64_t expires_ns)
{
	struct route *route = calloc(1, sizeof *route);
	CHECK(route != NULL);
	route->magic = ROUTE_MAGIC;
	refcount_init(&route->refs);
	arena_init(&route->arena, 4096, 1024 * 1024);
	route->expires_ns = expires_ns;
	route->domain = arena_text_copy(&route->arena, text_of(domain)).data;
	route->mx_owner = route->sts_domain = route->domain;
	route->status = route->reason = "";
	return route;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_addresses(struct route *route, struct route_host *host, const char *addresses)
{
	struct text rest = text_of(addresses), word;
	struct route_address *list =
		arena_alloc_array(&route->arena, ROUTE_ADDRESSES_MAX, sizeof(struct route_address));
	CHECK(list != NULL);
	while (text_split(&rest, ' ', &word))
		CHECK(ip_address_parse(word, &list[host->addresses_count++].ip) == RESULT_OK);
	host->addresses = list;
}

struct route *test_route(const char *domain, const struct test_host *hosts, uint64_t expires_ns)
{
	struct route *route = new_route(domain, expires_ns);
	struct arena *arena = &route->arena;
	struct route_host *list = arena_alloc_array(arena, ROUTE_HOSTS_MAX, sizeof *list);
	const char **names = arena_alloc_array(arena, ROUTE_HOSTS_MAX, sizeof *names);
	CHECK(list != NULL && names != NULL);
	for (; hosts->name != NULL; hosts++) {
		struct route_host *host = &list[route->hosts_count];
		host->name = host->canonical = arena_text_copy(arena, text_of(hosts->name)).data;
		host->reason = hosts->reason != NULL ? hosts->reason : "";
		host->audit = "";
		host->preference = hosts->preference;
		host->port = hosts->port != 0 ? hosts->port : 25;
		host->state = (uint8_t)hosts->state;
		host->demand = security_demand_opportunistic(text_of(host->name));
		host->demand.need = hosts->need;
		if (hosts->need != SECURITY_NEED_MAY && hosts->need != SECURITY_NEED_NONE)
			host->demand.cleartext_allowed = false;
		if (hosts->addresses != NULL)
			add_addresses(route, host, hosts->addresses);
		names[route->hosts_count++] = host->name;
	}
	qsort(names, route->hosts_count, sizeof *names, compare_names);
	route->hosts = list;
	route->host_set = names;
	route->host_set_count = route->hosts_count;
	return route;
}

void test_route_demand(
	struct route *route, const struct security_demand *demand, enum security_level success)
{
	struct route_host *list =
		arena_alloc_array(&route->arena, route->hosts_count, sizeof *list);
	CHECK(list != NULL);
	for (size_t i = 0; i < route->hosts_count; i++) {
		list[i] = route->hosts[i];
		list[i].demand = *demand;
		list[i].success = (uint8_t)success;
	}
	route->hosts = list;
}

void test_route_audit(struct route *route, const struct security_demand *audited)
{
	struct route_host *list =
		arena_alloc_array(&route->arena, route->hosts_count, sizeof *list);
	struct security_demand *copy = arena_alloc(&route->arena, sizeof *copy);
	CHECK(list != NULL && copy != NULL);
	*copy = *audited;
	for (size_t i = 0; i < route->hosts_count; i++) {
		list[i] = route->hosts[i];
		list[i].audited = copy;
	}
	route->hosts = list;
}

struct route *test_route_without_hosts(
	const char *domain, enum route_cause cause, uint64_t expires_ns)
{
	struct route *route = new_route(domain, expires_ns);
	route->cause = (uint8_t)cause;
	route->kind = (uint8_t)route_cause_kind(cause);
	route->status = route_cause_status(cause);
	route->reason = route_cause_sentence(cause);
	return route;
}

/* ---- mailboxes ---- */

bool test_mailbox_wait(struct mailbox *mailbox, struct mailbox_message *out_message, int timeout_ms)
{
	uint64_t wait_ms = timeout_ms > 0 ? (uint32_t)timeout_ms : 0;
	uint64_t end_ns = clock_now_ns() + wait_ms * TEST_MS_NS;
	while (!mailbox_take(mailbox, out_message)) {
		uint64_t now_ns = clock_now_ns();
		if (now_ns >= end_ns)
			return false;
		if (!mailbox_may_sleep(mailbox))
			continue;
		struct pollfd fd = { .fd = mailbox_fd(mailbox), .events = POLLIN };
		uint64_t woken;
		if (poll(&fd, 1, (int)((end_ns - now_ns) / TEST_MS_NS) + 1) > 0)
			CHECK(read(fd.fd, &woken, sizeof woken) == sizeof woken);
		mailbox_awake(mailbox);
	}
	return true;
}
