/* The fetches of the tests: exports the symbols of sts_fetches.h that a discovery calls, answers out of a
 * script. A question is only noted; fake_fetches_deliver() answers. */
#ifndef TESTS_UNIT_ENGINE_ROUTE_FAKE_FETCHES_H
#define TESTS_UNIT_ENGINE_ROUTE_FAKE_FETCHES_H

#include <stdbool.h>
#include "engine/route/sts_fetches.h"

struct sts_fetches *fake_fetches_reset(void);
/* From now on the policy host of the domain gives this body, or fails. With STS_FAULT_WAITS the question is
 * turned away at once. */
void fake_fetches_says(const char *domain, const char *body);
void fake_fetches_fails(const char *domain, enum sts_fault fault);
/* Answers what is pending; how many that were. Those of one domain are one fetch. */
unsigned fake_fetches_deliver(void);

/* All questions in their order: "a.lab id=1 addresses=2, ...". Empties it. */
const char *fake_fetches_log(void);
unsigned fake_fetches_pending(void);

#endif
