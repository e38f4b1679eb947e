/* Limits that the operator gives for providers, MX hosts and domains (--site, --site-rules FILE):
 *
 *   google        sessions=20 rate=100/s per-session=50
 *   mx.example    sessions=5 rate=2000/h            every MX host below mx.example, and itself
 *   shop.example  rate=10/s                         the domain
 *   partner.example single-flight=on                MAIL, RCPT and the message at once, see --site
 *   *             sessions=400 rate=500/s           all mail
 *
 * One rule a line, words as in any @FILE. A rule holds for whatever has its name: a provider (as the
 * site-changed events call it), an MX host or what it lies below, a recipient domain, or * for all.
 * What it allows is shared by all that match it; with per-source, by what leaves from one address.
 * Several rules may match: each of their limits is kept. What one site may have at most is said by
 * the most specific of them. Pure. */
#ifndef ENGINE_PLAN_SITE_RULES_H
#define ENGINE_PLAN_SITE_RULES_H

#include "engine/base/arena.h"
#include "engine/base/options_file.h"
#include "engine/base/result.h"
#include "engine/plan/token_bucket.h"

enum {
	/* A name is looked up in a few steps; more of them are a database, and belong elsewhere. */
	SITE_RULES_MAX = 10000,
	/* Rules that hold for one domain: itself, labels of its hosts, its provider, all. */
	SITE_MATCHES_MAX = 8,
	SITE_SESSIONS_MAX = 100000,
	SITE_PER_SESSION_MAX = 1000000,
};

/* Whole messages in one flight (CONFORMANCE 0.4, EXT-CHUNK-05); off where no rule says anything. */
enum site_flight { SITE_FLIGHT_NOT_SAID, SITE_FLIGHT_ON, SITE_FLIGHT_OFF };

struct site_rule {
	struct text name;
	const char *key;      /* the name, terminated */
	unsigned line;        /* of the file; 0: a flag */
	uint32_t sessions;    /* at once; 0: not said */
	uint32_t per_session; /* messages before a session is closed; 0: not said */
	struct rate rate;     /* of messages handed out; count 0: not said */
	uint8_t single_flight; /* enum site_flight */
	bool per_source;      /* counted apart for each of our addresses */
};

struct site_rules {
	struct site_rule *items; /* by name; in the arena */
	size_t count;
};

/* Adds what the words say, a rule for each line. RESULT_INVALID: a line that is no rule, or names what has
 * one already; the sentence has its number unless `is_flag`. RESULT_LIMIT, RESULT_MEMORY. */
MUST_USE enum result site_rules_add(struct site_rules *rules, const struct option_words *words,
	bool is_flag, struct arena *arena, struct fail *out_fail);

/* NULL: there is none of that name. */
const struct site_rule *site_rules_find(const struct site_rules *rules, const char *key);

/* Where a domain's mail goes. Names in lower case, without trailing dot. */
struct site_place {
	const char *provider;     /* its key (provider.h) */
	bool is_known;            /* one of provider.def */
	const char *const *hosts; /* best first */
	size_t hosts_count;
	const char *domain;
};

struct site_match {
	const struct site_rule *rules[SITE_MATCHES_MAX]; /* the most specific first */
	size_t count;
	/* The one that holds for some of the provider's mail and not for all of it, so that this part has to
	 * be a site of its own; NULL: none. */
	const struct site_rule *apart;
	bool apart_by_domain;
};

/* The domain first, then a key of a host set, parts of host names (the longest first; of known providers
 * only those of the best host), the name of a known provider, and *. */
void site_rules_match(const struct site_rules *rules, const struct site_place *place,
	struct site_match *out_match);

#endif
