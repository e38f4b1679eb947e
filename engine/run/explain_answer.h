/* What `longship explain` has found out, and the decision that follows from it. Pure: the look-ups and the
 * connections are made by explain.c, the printing by explain_print.h. */
#ifndef ENGINE_RUN_EXPLAIN_ANSWER_H
#define ENGINE_RUN_EXPLAIN_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include "engine/base/policy.h"
#include "engine/route/route.h"
#include "engine/run/probe.h"

enum {
	/* Every address of every host on every rung: more connections are never made. */
	EXPLAIN_TRIES_MAX = ROUTE_HOSTS_MAX * ROUTE_ADDRESSES_MAX * (TLS_RUNG_CLEAR + 1),
	EXPLAIN_SENTENCE_MAX = 1200,
};

/* One connection, in the order in which they were made. */
struct explain_try {
	const struct route_host *host;
	struct probe_result result;
};

enum explain_verdict {
	EXPLAIN_DELIVERABLE, /* exit status 0 */
	EXPLAIN_REFUSED,     /* 1: not as long as things are as they are */
	EXPLAIN_WAITS,       /* 75: not now */
};

struct explain_answer {
	const struct route *route;
	const char *dnssec;       /* what the self-test of validation says; "": it was not asked */
	bool connected;           /* --connect: tries were made where there was a host to try */
	const struct explain_try *tries;
	size_t tries_count;
};

struct explain_decision {
	enum explain_verdict verdict;
	const struct route_host *host; /* that gets the mail; NULL: none */
	const struct explain_try *try; /* that passed; NULL: not connected, or none */
	char sentence[EXPLAIN_SENTENCE_MAX];
};

/* (CONFORMANCE 0.1) A host that passes decides: mail goes there. Without one, a host that does not prove
 * what is demanded makes it a refusal, since that must be mended by somebody; else it waits. */
void explain_decide(const struct explain_answer *answer, struct explain_decision *out_decision);

/* RUN_EXIT_ of engine/run/run.h. */
int explain_exit_status(enum explain_verdict verdict);
/* "deliverable", "refused", "waits". */
const char *explain_verdict_text(enum explain_verdict verdict);

#endif
