/* The libunbound context: options, forwarder, trust anchor. Inside dns only. */
#ifndef DNS_DNS_CONTEXT_H
#define DNS_DNS_CONTEXT_H

#include <unbound.h>
#include "dns/dns_resolver.h"
#include "engine/base/check.h"
#include "engine/base/result.h"

enum {
	/* Questions that libunbound works on at a time. Each has a socket of its own, so this is
	 * also how many descriptors the resolver takes. */
	DNS_FLIGHTS_MAX = 2048,
};

/* Makes the context, and has libunbound read its options and the anchor, so that what is wrong with them
 * is known now. *out_anchor_file: the file in use, or NULL; lives as long as `config`, or forever.
 * RESULT_INVALID with words for the operator; RESULT_MEMORY. */
MUST_USE enum result dns_context_create(const struct dns_resolver_config *config,
	struct ub_ctx **out_context, const char **out_anchor_file, struct fail *fail);

/* Ends its thread; waits for it. */
void dns_context_destroy(struct ub_ctx *context);

/* The same for a context whose pipes are in disorder: the farewell is read from them and may never come,
 * so that a thread of its own waits for it. No callback is called any more from here on. */
void dns_context_abandon(struct ub_ctx *context);

#endif
