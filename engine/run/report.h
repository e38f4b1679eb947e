/* What becomes an event without belonging to an attempt: the end of a connection, a change of a site or
 * of what a domain publishes. Made by a worker, the scheduler, the resolver or the files thread,
 * freed by the recorder. */
#ifndef ENGINE_RUN_REPORT_H
#define ENGINE_RUN_REPORT_H

#include <stdint.h>
#include "engine/base/arena.h"
#include "engine/base/domain_name.h"
#include "engine/base/ip_address.h"
#include "engine/base/list.h"
#include "engine/base/policy.h"
#include "engine/route/route.h"

/* POST_SESSION_OVER: one connection attempt. */
struct session_report {
	struct list_node node;         /* of the worker, until there is a credit to post it */
	struct route *route;           /* a reference: holds the texts of the host */
	const struct route_host *host;
	struct ip_address ip, source;
	const char *helo;              /* static for the run */
	const char *tls;               /* "TLSv1.3" (static) or "" */
	uint64_t session;
	int64_t wall_us;
	enum security_level security;
	enum security_need need;
	enum tls_result result;
	uint16_t code;                 /* of the reply that ended it, or 0 */
	uint32_t worker;
	uint32_t delivered_count;
	char reply[200];
	char reason[200];
};

/* POST_POLICY_CHANGED: see route_change.h */
struct policy_report {
	struct list_node node;         /* of the resolver, until there is a credit to post it */
	int64_t wall_us;
	char domain[DOMAIN_NAME_SIZE];
	char host[DOMAIN_NAME_SIZE];
	char before[16], now[16];
	char reason[DOMAIN_NAME_SIZE + 128];
};

/* POST_SPLIT_READY: what of a batch file gets no attempt. The texts are in the arena. */
struct split_refused {
	struct split_refused *next;
	struct text from;              /* empty: the null sender, or none that could be read */
	struct text rcpt;              /* as it was written; empty: the rest of the file */
	struct text reason;
};

struct split_report {
	struct message *message;
	struct arena arena;
	struct split_refused *first, **last;
	uint32_t refused_count;
};

/* POST_SITE_CHANGED */
struct site_report {
	int64_t wall_us;
	char provider[300];
	const char *source;            /* static for the run */
	char reason[400];
};

#endif
