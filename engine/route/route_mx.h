/* What an MX answer says: which hosts, in which order, or why there are none. Pure.
 *
 * RFC 5321 5.1, RFC 7505; MX-02 to MX-15 and MX-22. Only the answer itself is judged here: a
 * failed look-up never becomes "no MX" (MX-03), and where there are MX records the domain's own
 * addresses are not used, whatever becomes of the hosts (MX-05). */
#ifndef ENGINE_ROUTE_ROUTE_MX_H
#define ENGINE_ROUTE_ROUTE_MX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/dns_answer.h"
#include "engine/base/domain_name.h"
#include "engine/base/limits.h"
#include "engine/route/route.h"

struct random_state;

enum route_mx_verdict {
	ROUTE_MX_HOSTS,    /* the list has at least one host */
	ROUTE_MX_IMPLICIT, /* no MX record: the domain itself is the host (MX-04) */
	ROUTE_MX_CAUSE,    /* there is no host, and `cause` says why */
};

struct route_mx_host {
	uint16_t preference;
	bool unusable;                /* no host can have this name; `why` says so */
	const char *why;              /* "" when it is to be looked up; lives forever */
	char name[DOMAIN_NAME_SIZE];  /* lower case; cut if it is unusable and longer */
};

struct route_mx_list {
	enum route_mx_verdict verdict;
	enum route_cause cause; /* with ROUTE_MX_CAUSE */
	bool own_dropped; /* our own name stood there, it and what is no better is left out (MX-15) */
	size_t count;
	struct route_mx_host hosts[ROUTE_HOSTS_MAX]; /* by preference, equal ones shuffled */
};

/* `own_names` are A-labels in lower case. */
void route_mx_read(struct route_mx_list *out_list, const struct dns_answer *answer,
	const char *const *own_names, size_t own_names_count, struct random_state *random);

/* True if `name` is one of ours: for the implicit MX, which may loop too. */
bool route_mx_is_own(const char *name, const char *const *own_names, size_t own_names_count);

#endif
