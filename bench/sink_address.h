/* The argument of MAIL and RCPT: a path and its parameters, read as strictly as a receiver may. */
#ifndef BENCH_SINK_ADDRESS_H
#define BENCH_SINK_ADDRESS_H

#include <stdbool.h>
#include "engine/base/text.h"

struct sink_path {
	struct text address;    /* between < and >, without a source route; empty for <> */
	struct text parameters; /* behind the >, trimmed; words between single blanks */
	bool source_route;
	bool non_ascii;
};

/* `argument` is what follows "FROM:" or "TO:"; RFC 5321 3.3 allows no blank there. False when there is
 * no path, or what is between < and > is no mailbox (SMTP-21). Everything borrows from `argument`. */
MUST_USE bool sink_path_parse(struct text argument, bool may_be_null, struct sink_path *out_path);

/* The domain of an address, empty if it has none ("postmaster"). */
struct text sink_address_domain(struct text address);

#endif
