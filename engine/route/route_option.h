/* --route DOMAIN=HOST[:PORT]: a domain's mail (or "*": all mail) goes to this host instead of
 * its MX hosts. Read once at start, read-only from then on. Pure. */
#ifndef ENGINE_ROUTE_ROUTE_OPTION_H
#define ENGINE_ROUTE_ROUTE_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/check.h"
#include "engine/base/domain_name.h"
#include "engine/base/ip_address.h"
#include "engine/base/result.h"
#include "engine/base/text.h"

struct route_option {
	char domain[DOMAIN_NAME_SIZE]; /* A-labels, or "*" */
	char host[DOMAIN_NAME_SIZE];   /* A-labels; "" when it is an address */
	struct ip_address address;     /* family IP_FAMILY_NONE when it is a name */
	uint16_t port;                 /* 0: the port of --port */
};

/* "example.com=relay.example", "*=192.0.2.1:2525", "*=[2001:db8::1]:25", "*=[192.0.2.1]". An IPv6
 * address stands in brackets when a port follows it, and may do so always. U-labels are converted.
 * RESULT_INVALID with words for the operator. */
MUST_USE enum result route_option_parse(
	struct text value, struct route_option *out_option, struct fail *fail);

#endif
