/* A policy host for tests, on the ring of those who fetch from it: it takes connections at 127.0.0.1, speaks
 * TLS with a certificate of its own authority, waits for a whole request and says what the test wants,
 * in pieces that are records of their own. */
#ifndef TESTS_UNIT_ENGINE_ROUTE_POLICY_HOST_H
#define TESTS_UNIT_ENGINE_ROUTE_POLICY_HOST_H

#include "tests/unit/engine/io/io_test.h"
#include "engine/io/loop.h"
#include "engine/route/sts_fetch.h"
#include "tests/unit/tls/test_ca.h"
#include "tls/tls_context.h"
#include "tls/tls_roots.h"
#include "tls/tls_verifier.h"

#define POLICY_HOST   "mta-sts.policy.example"
#define POLICY        "version: STSv1\nmode: enforce\nmx: mx.policy.example\nmax_age: 604800\n"
#define POLICY_HEADER "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n"

enum { POLICY_HOST_SESSIONS = 64 };

enum policy_host_end {
	POLICY_HOST_CLOSES, /* close_notify and FIN */
	POLICY_HOST_STAYS,  /* open, and says nothing more */
	POLICY_HOST_CUTS,   /* FIN without close_notify */
	POLICY_HOST_RESETS,
};

struct policy_host;

struct policy_session {
	struct conn conn;
	struct policy_host *host;
	char request[1024];
	size_t request_len, written;
	bool answers, is_open;
};

struct policy_host {
	/* What it does; may be changed between fetches. */
	const char *answer;
	size_t answer_len; /* 0: strlen() */
	size_t piece;      /* 0: all in one */
	enum policy_host_end end;
	bool is_mute;      /* takes the connection, no TLS */
	bool speaks_first; /* in cleartext, before the ClientHello */
	bool holds;        /* reads the request, answers after policy_host_release() */

	struct loop loop;
	struct conn_pool pool;
	struct tls_pool *tls_pool;
	struct tls_context *client, *server;
	struct tls_verifier *verifier;
	struct tls_roots *roots;
	struct test_node authority;
	char folder[64];
	int listener;
	struct io_op accept_op;
	struct policy_session sessions[POLICY_HOST_SESSIONS];
	unsigned accepted, answered;
	char last_request[1024], last_sni[256];
	struct sts_fetch_config config; /* for those who fetch */
};

struct policy_host *policy_host_create(void);
/* All is closed and given back (checked). */
void policy_host_destroy(struct policy_host *host);
/* From now on it shows this certificate, of `issuer` or of its own authority. Freed by this call. */
void policy_host_show(struct policy_host *host, struct test_node node);
/* A certificate for those names of its own authority. */
void policy_host_show_names(struct policy_host *host, const char *alternatives);
void policy_host_says(struct policy_host *host, const char *answer, enum policy_host_end end);
/* Those who were held get their answer. */
void policy_host_release(struct policy_host *host);

struct ip_address address_of(const char *text);

#define HOST_UNTIL(host_, expression)                                                              \
	do {                                                                                       \
		uint64_t give_up_ns = clock_now_ns() + IO_TEST_PATIENCE_NS;                        \
		while (!(expression)) {                                                            \
			assert_true(clock_now_ns() < give_up_ns);                                  \
			loop_run_once(&(host_)->loop, clock_now_ns() + 20000000);                  \
		}                                                                                  \
	} while (0)

#endif
