/* What libunbound hands over, as an answer of engine/base/dns_answer.h. Inside dns only. */
#ifndef DNS_DNS_RESULT_H
#define DNS_DNS_RESULT_H

#include <stdbool.h>
#include <stdint.h>
#include <unbound.h>
#include "dns/dns_name.h"
#include "engine/base/dns_answer.h"
#include "engine/base/text.h"

enum {
	/* A message has 64 KB, and a record in it at least 16 octets. */
	DNS_RESULT_RECORDS_MAX = 4096,
	DNS_RESULT_WHY_BYTES_MAX = 512,
};

/* What an answer points into, besides the result itself: of one answer at a time. */
struct dns_result_memory {
	char why[DNS_RESULT_WHY_BYTES_MAX];
	char canonical[DNS_NAME_TEXT_SIZE];
	struct dns_rdata rdata[DNS_RESULT_RECORDS_MAX];
};

/* An answer that says nothing but why there is none. Borrows both texts. */
struct dns_answer dns_result_failure(struct text name, uint16_t type, struct text why);

/* The answer to `name` and `type`; it borrows from all that is given. `error` is libunbound's own, `result`
 * may be NULL then. */
struct dns_answer dns_result_read(struct text name, uint16_t type, int error, const struct ub_result *result,
	struct dns_result_memory *memory);

#endif
