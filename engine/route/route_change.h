/* A domain's published security is not what it was: the operator's downgrade alarm (the event
 * policy-changed). Told from inside the builder's callbacks; whoever hears it must not call the builder. */
#ifndef ENGINE_ROUTE_ROUTE_CHANGE_H
#define ENGINE_ROUTE_ROUTE_CHANGE_H

#include <stdint.h>

struct route_build;

/* Texts live until the call returns. */
struct route_change {
	const char *domain; /* the recipient domain in whose route it was seen */
	const char *host;   /* the MX host, A-labels; "" when it is the domain itself */
	const char *before, *now; /* "dane", "none"; the mode of a policy */
	const char *reason; /* for people: what is known */
};

typedef void route_changed_fn(void *context, const struct route_change *change);

/* The search for TLSA records of a host is over and found none that count: says so if there were some
 * before. Once on this machine, but for processes that look before the others have written it. For certain
 * only: not where something has failed. */
void route_change_note_tlsa(struct route_build *build, uint8_t index);

#endif
