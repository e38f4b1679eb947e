/* What MTA-STS policy is in force for a domain: its record, what is known, and a fetch where that is needed
 * (RFC 8461 3.1, 3.3).
 *
 *   record ─▶ the id of what is held ──────────────────────────────────────▶ that one
 *      │  └─▶ another id, or nothing is held ─▶ addresses of the policy host ─▶ fetch ─▶ the new one
 *      └────▶ none, broken, not to be had                                          └─▶ what is held
 *
 * Nothing that goes wrong on the way takes a policy away that is held and not over (STS-13, STS-42); without
 * one it is as if there were none (STS-14). Embedded in its owner; `done` is the last thing that happens,
 * from inside a callback of the resolver, the wheel or the fetches, never from sts_discovery_start(). */
#ifndef ENGINE_ROUTE_STS_DISCOVERY_H
#define ENGINE_ROUTE_STS_DISCOVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/arena.h"
#include "engine/base/result.h"
#include "engine/base/text.h"
#include "engine/base/timer_wheel.h"
#include "engine/route/route_change.h"
#include "engine/route/route_lookup.h"
#include "engine/route/sts_fetches.h"
#include "engine/route/sts_policies.h"
#include "engine/route/sts_silence.h"

struct sts_discovery;

enum sts_finding {
#define STS_FINDING(name, meaning) STS_FINDING_##name,
#include "engine/route/sts_finding.def"
#undef STS_FINDING
	STS_FINDING_COUNT
};

enum {
	/* (STS-15) A record that could not be looked up is asked for once more after this, unless the whole
	 * time of a look-up is over: the resolver has asked several times by then. */
	STS_RECORD_RETRY_MS = 1000,
	/* What is looked at of the TXT records at _mta-sts.: as much as fits into a DNS message. */
	STS_RECORDS_BYTES_MAX = 128 * 1024,
};

/* A fetch has failed. */
struct sts_failure {
	const char *domain;
	enum sts_fault fault;
	const struct fail *fail;
	const struct sts_held *held; /* what is in force all the same; NULL: nothing */
	bool is_renewal;             /* no mail asked for it */
};

typedef void sts_failed_fn(void *context, const struct sts_failure *failure);

/* What discoveries share; outlives them. Zeroed but for what is given, see sts_discovery_env_init(). */
struct sts_discovery_env {
	struct route_lookup_env *lookups;
	struct sts_policies *policies;
	struct sts_fetches *fetches;
	sts_failed_fn *failed; /* NULL: nobody wants to know */
	void *failed_context;
	route_changed_fn *changed; /* likewise: a policy was weakened or is over without an heir */
	void *changed_context;
	struct arena arena; /* for the records of one answer */
	struct sts_silence silence;
};

struct sts_outcome {
	enum sts_finding finding;
	const struct sts_policy *policy; /* in force; NULL: none. Borrowed until `done` returns */
	struct text id;                  /* with a policy; borrowed likewise */
	uint64_t fetched_s;              /* wall clock; 0: not kept (STS-28) */
	uint64_t left_s;                 /* how long it is still in force */
	bool is_current;  /* it was fetched now */
	const char *why;  /* for people: what is wrong with the record or the fetch; "" */
};

typedef void sts_discovery_done_fn(struct sts_discovery *discovery, const struct sts_outcome *outcome);

enum sts_purpose {
	STS_FOR_MAIL,    /* fetches where the record asks for it */
	STS_FOR_DOUBT,   /* the same, and fetches in any case: a host has failed it (STS-36) */
	STS_FOR_RENEWAL, /* fetches in any case, whatever becomes of the record (STS-40, STS-44) */
};

struct sts_discovery {
	struct sts_discovery_env *env;
	sts_discovery_done_fn *done;
	void *owner;
	enum sts_purpose purpose;
	const char *domain; /* borrowed from the owner */
	struct route_lookup txt, a, aaaa; /* over with `done`; their answers are there until the stop */
	struct timer retry_timer;
	struct sts_waiter waiter;
	struct sts_record record;
	enum sts_record_fault record_fault;
	bool asked_twice; /* for the record */
	bool is_silent;   /* it is not asked for (sts_silence.h) */
	struct fail fail;
	char record_name[DOMAIN_NAME_SIZE], host_name[DOMAIN_NAME_SIZE];
};

void sts_discovery_env_init(struct sts_discovery_env *env);
void sts_discovery_env_deinit(struct sts_discovery_env *env);

/* `domain` is the policy domain (STS-01: as written in the recipient, or the smart host's), A-labels in
 * lower case, and lives until the end. False: its record could have no name in the DNS, being too long, so
 * that there is no policy. */
MUST_USE bool sts_discovery_start(struct sts_discovery *discovery, struct sts_discovery_env *env,
	const char *domain, enum sts_purpose purpose, sts_discovery_done_fn *done, void *owner);

/* `done` will not be called, and answers are let go. To be called after `done` too. */
void sts_discovery_stop(struct sts_discovery *discovery);

/* "no-record", for logs and explain. */
const char *sts_finding_text(enum sts_finding finding);

#endif
