/* The one door to the DNS: questions to libunbound, answers in the five kinds of
 * engine/base/dns_answer.h.
 *
 * Owned and driven by one thread (engine/run's resolver thread, `explain`). libunbound works in a
 * thread of its own and tells by a descriptor that answers have come; the owner watches
 * dns_resolver_fd() on its ring and calls dns_resolver_process(). Callbacks run from there only,
 * never from inside dns_resolver_ask(), and may ask and cancel freely.
 *
 * Every answer was validated here, whatever a forwarder says of it (DNS-10), and nothing but DNS is
 * looked at: no /etc/hosts, no search list (DNS-01, MX-21). Nothing is served beyond its TTL
 * (DNS-24). The same question asked twice at a time goes out once: libunbound coalesces.
 *
 * There is no deadline here (DNS-35: the asker has one): libunbound gives up by itself after a
 * minute or so, and a question that was cancelled keeps its place until then, since it is still
 * being worked on. Places are bounded, in all and for each remote zone (DNS-34); what
 * does not find one waits in order. */
#ifndef DNS_DNS_RESOLVER_H
#define DNS_DNS_RESOLVER_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/check.h"
#include "engine/base/dns_answer.h"
#include "engine/base/list.h"
#include "engine/base/result.h"

struct dns_flight; /* the place of a question that libunbound works on */
struct dns_resolver;

/* The texts are borrowed until the resolver is destroyed. */
struct dns_resolver_config {
	/* "ADDR" or "ADDR@PORT" that all questions go to; NULL: our own recursion from the root. */
	const char *forward;
	/* File with DS or DNSKEY records of the root; NULL: the first readable one of the places
	 * where Debian's packages put it. */
	const char *trust_anchor_file;
	/* Name servers on loopback may be asked: for the lab. A forwarder on loopback implies it. */
	bool allow_private;
};

/* What the self-test found; the sentence for people comes with it. */
enum dns_trust {
	DNS_TRUST_SECURE,      /* the root's answer was validated: DANE works */
	DNS_TRUST_NO_ANCHOR,   /* no trust anchor was loaded: DANE is unavailable (DNS-01) */
	DNS_TRUST_INSECURE,    /* answers come, but do not count as signed: DANE is unavailable */
	DNS_TRUST_BOGUS,       /* answers come and fail validation: wrong anchor, wrong clock, filter */
	DNS_TRUST_UNREACHABLE, /* no answer to be had: nothing can be looked up now */
};

/* `answer` is borrowed until the callback returns. */
typedef void dns_done_fn(void *context, const struct dns_answer *answer);
typedef void dns_self_test_fn(void *context, enum dns_trust trust, const char *sentence);

/* A question under way, embedded in whoever asks, so that asking cannot fail for want of memory.
 * Zeroed before its first use; the resolver's until `done` or dns_resolver_cancel(). */
struct dns_query {
	struct list_node node;     /* in the queue, while it waits for a place */
	struct dns_flight *flight; /* NULL while it waits */
	const char *name;          /* borrowed from the asker until the end */
	uint16_t type;
	bool pending, failed; /* failed: it could not be sent, and process() says so */
	dns_done_fn *done;
	void *context;
};

/* Makes the context and reads the trust anchor; no packet is sent. Call it before other threads start
 * (libunbound sets up its hash seeds in here). Its own thread begins with the first question and
 * inherits the signal mask of the thread that asks it. RESULT_INVALID: the forwarder or the anchor
 * file cannot be used, `fail` says which and why. A default anchor that is nowhere to be found is
 * no error: the resolver works, all answers are insecure, and the self-test says so. */
MUST_USE enum result dns_resolver_create(const struct dns_resolver_config *config,
	struct dns_resolver **out_resolver, struct fail *fail);

/* Ends the threads of libunbound. No callback is called any more, whatever is under way.
 * NULL is fine. Never from inside a callback. */
void dns_resolver_destroy(struct dns_resolver *resolver);

/* Readable when dns_resolver_process() has something to do. Borrowed; only ever polled. */
int dns_resolver_fd(const struct dns_resolver *resolver);

/* Calls back for everything that has come, and sends what waited for a place. Call it when the
 * descriptor is readable; calling it for nothing costs one read. RESULT_IO, once: libunbound's
 * worker is gone. What it worked on or waited for it was called back as DNS_FAILURE, and so is
 * whatever is asked until dns_resolver_reopen(). */
MUST_USE enum result dns_resolver_process(struct dns_resolver *resolver, struct fail *fail);

/* After that RESULT_IO, not from inside a callback: a new context with the same settings and an empty
 * cache. Results of dns_resolver_create(); on failure all stays as it was, for another try. */
MUST_USE enum result dns_resolver_reopen(struct dns_resolver *resolver, struct fail *fail);

/* All that libunbound keeps is forgotten: what is asked from now on is asked of name servers. What is under
 * way gets its answer all the same, unless it is still under way at the next renewal: then it fails. Takes
 * some milliseconds. Fine inside a callback, and without effect while the worker is lost. On failure all
 * stays as it was; results of dns_resolver_create(). */
MUST_USE enum result dns_resolver_renew(struct dns_resolver *resolver, struct fail *fail);

/* Asks for `name` (A-labels, no trailing dot; "" is the root; it must live until the end). `done` is
 * called once, later, unless the query is cancelled before. A name that cannot be in the DNS
 * (dns_name_can_be_asked()) is a bug of the caller. */
void dns_resolver_ask(struct dns_resolver *resolver, struct dns_query *query, const char *name,
	enum dns_type type, dns_done_fn *done, void *context);

/* `done` will not be called; nothing happens when the query is not pending. The answer, when it
 * comes, still fills libunbound's cache (DNS-35). */
void dns_resolver_cancel(struct dns_resolver *resolver, struct dns_query *query);

/* Questions that libunbound works on, and those that wait for a place. For counters. */
unsigned dns_resolver_in_flight(const struct dns_resolver *resolver);
unsigned dns_resolver_waiting(const struct dns_resolver *resolver);

/* Asks for the root's keys and says in one sentence whether validation works here. */
void dns_resolver_self_test(struct dns_resolver *resolver, dns_self_test_fn *done, void *context);

/* The anchor file in use, for messages; NULL when there is none. */
const char *dns_resolver_anchor_file(const struct dns_resolver *resolver);

#endif
