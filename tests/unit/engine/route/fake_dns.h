/* The DNS of the tests: exports the symbols of dns/dns_resolver.h, answers out of a script.
 *
 * A question is only noted; fake_dns_deliver() calls back, like dns_resolver_process(). A question
 * that the script does not know fails the test; one whose class is FAKE_SILENT is never answered. */
#ifndef TESTS_UNIT_ENGINE_ROUTE_FAKE_DNS_H
#define TESTS_UNIT_ENGINE_ROUTE_FAKE_DNS_H

#include <stdbool.h>
#include "dns/dns_resolver.h"
#include "engine/base/dns_answer.h"

enum fake_class {
	FAKE_SECURE,     /* data, or a denial without records */
	FAKE_INSECURE,
	FAKE_SECURE_NXDOMAIN,
	FAKE_INSECURE_NXDOMAIN,
	FAKE_FAILURE,    /* `records` is the reason */
	FAKE_SILENT,
};

struct fake_row {
	const char *name;
	enum dns_type type;
	enum fake_class class;
	unsigned ttl_s;
	const char *records;   /* "10 mx1.lab, 20 .", "192.0.2.1, 192.0.2.2", "v=STSv1; id=1", "\\# 0a0b"; "": none */
	const char *canonical; /* NULL: no alias */
};

/* An answer made of a row, for tests of the pure parts. Lives until the next fake_dns_reset(). */
const struct dns_answer *fake_answer(const struct fake_row *row);

/* Forgets everything; the resolver to give to a route builder. */
struct dns_resolver *fake_dns_reset(void);
/* Adds rows; a later row for the same question replaces the earlier one. */
void fake_dns_script(const struct fake_row *rows, size_t count);
/* Answers what is pending and what is asked meanwhile, until only silent ones are left. */
void fake_dns_deliver(void);
/* Answers one pending question; fails the test when it is not pending. */
void fake_dns_deliver_one(const char *name, enum dns_type type);

/* How often the question was asked, and all questions in their order: "MX a.lab, A mx.a.lab". */
unsigned fake_dns_asked(const char *name, enum dns_type type);
const char *fake_dns_log(void);
unsigned fake_dns_pending(void);
unsigned fake_dns_cancelled(void);

#endif
