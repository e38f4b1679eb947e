/* dns_ask [FLAG…] NAME TYPE [NAME TYPE…]: asks dns_resolver and prints one line for each answer.
 *
 * For tests/lab/test_resolver.py, which looks at dns_resolver against real name servers:
 *   --forward ADDR[@PORT], --anchor FILE, --private   as dns_resolver_config has them
 *   --self-test           asks what dns_resolver_self_test() says, first
 *   --first N             the first N questions given are answered before the others are asked
 *   --flood N ZONE        asks for N names below ZONE before the questions given
 *   --cancel N            cancels the first N questions given once all were asked
 *   --seconds N           gives up after so long (default 30); the exit status is then 1
 * A line: NAME TYPE CLASS nxdomain=0 alias=NAME ttl=N records="…" why="…" after=MS waiting=N */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "dns/dns_rdata.h"
#include "dns/dns_resolver.h"
#include "engine/base/buf.h"

enum { QUESTIONS_MAX = 256, FLOOD_MAX = 20000 };

struct question {
	struct dns_query query;
	const char *name;
	enum dns_type type;
};

static struct dns_resolver *resolver;
static struct question questions[QUESTIONS_MAX];
static struct dns_query flood[FLOOD_MAX];
static char flood_names[FLOOD_MAX][64];
static size_t questions_count, flood_count;
static unsigned open_count; /* what must be answered before the end */
static uint64_t start_ms;

static uint64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void print_records(const struct dns_answer *answer)
{
	static char memory[65536];
	struct buf text;
	buf_init(&text, memory, sizeof memory);
	for (size_t i = 0; i < answer->rdata_count; i++) {
		if (i > 0)
			buf_put_cstr(&text, ", ");
		dns_rdata_put_text(&answer->rdata[i], answer->type, &text);
	}
	printf(" records=\"%.*s\"", TEXT_ARG(buf_text(&text)));
}

static void on_answer(void *context, const struct dns_answer *answer)
{
	(void)context;
	open_count--;
	printf("%.*s %s %s nxdomain=%d alias=%.*s ttl=%u", TEXT_ARG(answer->name),
		dns_type_name(answer->type), dns_class_name(answer->class), answer->nxdomain,
		TEXT_ARG(answer->aliased ? answer->canonical_name : TEXT("-")), answer->ttl_s);
	print_records(answer);
	printf(" why=\"%.*s\" after=%llu waiting=%u\n", TEXT_ARG(answer->why),
		(unsigned long long)(now_ms() - start_ms), dns_resolver_waiting(resolver));
}

static void on_flood(void *context, const struct dns_answer *answer)
{
	(void)context;
	(void)answer;
}

static void on_self_test(void *context, enum dns_trust trust, const char *sentence)
{
	(void)context;
	static const char *const names[] = { "secure", "no-anchor", "insecure", "bogus",
		"unreachable" };
	open_count--;
	printf("self-test %s: %s\n", names[trust], sentence);
}

static enum dns_type type_of(const char *name)
{
	static const enum dns_type types[] = { DNS_TYPE_A, DNS_TYPE_AAAA, DNS_TYPE_CNAME,
		DNS_TYPE_MX, DNS_TYPE_TLSA, DNS_TYPE_TXT };
	for (size_t i = 0; i < COUNT_OF(types); i++)
		if (strcmp(name, dns_type_name((uint16_t)types[i])) == 0)
			return types[i];
	fprintf(stderr, "dns_ask: no type %s\n", name);
	exit(2);
}

static void ask_flood(const char *zone)
{
	for (size_t i = 0; i < flood_count; i++) {
		snprintf(flood_names[i], sizeof flood_names[i], "n%zu.%s", i, zone);
		dns_resolver_ask(
			resolver, &flood[i], flood_names[i], DNS_TYPE_A, on_flood, NULL);
	}
}

static int run(uint64_t end_ms)
{
	while (open_count > 0) {
		uint64_t now = now_ms();
		if (now >= end_ms) {
			printf("%u not answered, %u in flight, %u waiting\n", open_count,
				dns_resolver_in_flight(resolver), dns_resolver_waiting(resolver));
			return 1;
		}
		struct pollfd watched = { .fd = dns_resolver_fd(resolver), .events = POLLIN };
		if (poll(&watched, 1, (int)(end_ms - now)) <= 0)
			continue;
		struct fail fail;
		if (dns_resolver_process(resolver, &fail) != RESULT_OK) {
			fprintf(stderr, "dns_ask: %s\n", fail.text);
			return 2;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct dns_resolver_config config = { 0 };
	bool self_test = false;
	const char *flood_zone = NULL;
	size_t cancel_count = 0, first_count = 0;
	uint64_t seconds = 30;
	int at = 1;
	for (; at < argc && strncmp(argv[at], "--", 2) == 0; at++) {
		if (strcmp(argv[at], "--private") == 0) {
			config.allow_private = true;
		} else if (strcmp(argv[at], "--self-test") == 0) {
			self_test = true;
		} else if (at + 1 >= argc) {
			return 2;
		} else if (strcmp(argv[at], "--forward") == 0) {
			config.forward = argv[++at];
		} else if (strcmp(argv[at], "--anchor") == 0) {
			config.trust_anchor_file = argv[++at];
		} else if (strcmp(argv[at], "--first") == 0) {
			first_count = strtoul(argv[++at], NULL, 10);
		} else if (strcmp(argv[at], "--cancel") == 0) {
			cancel_count = strtoul(argv[++at], NULL, 10);
		} else if (strcmp(argv[at], "--seconds") == 0) {
			seconds = strtoul(argv[++at], NULL, 10);
		} else if (strcmp(argv[at], "--flood") == 0 && at + 2 < argc) {
			flood_count = strtoul(argv[++at], NULL, 10);
			flood_zone = argv[++at];
		} else {
			return 2;
		}
	}
	if (flood_count > FLOOD_MAX || (argc - at) / 2 > QUESTIONS_MAX)
		return 2;
	struct fail fail;
	if (dns_resolver_create(&config, &resolver, &fail) != RESULT_OK) {
		fprintf(stderr, "dns_ask: %s\n", fail.text);
		return 3;
	}
	start_ms = now_ms();
	if (self_test) {
		open_count++;
		dns_resolver_self_test(resolver, on_self_test, NULL);
	}
	if (flood_zone != NULL)
		ask_flood(flood_zone);
	for (; at + 1 < argc; at += 2) {
		struct question *question = &questions[questions_count++];
		question->name = argv[at];
		question->type = type_of(argv[at + 1]);
		open_count++;
		dns_resolver_ask(resolver, &question->query, question->name, question->type,
			on_answer, question);
		if (questions_count == first_count && run(start_ms + seconds * 1000) != 0)
			return 1;
	}
	for (size_t i = 0; i < cancel_count && i < questions_count; i++) {
		dns_resolver_cancel(resolver, &questions[i].query);
		open_count--;
	}
	int status = run(start_ms + seconds * 1000);
	dns_resolver_destroy(resolver);
	return status;
}
