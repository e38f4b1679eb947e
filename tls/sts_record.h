/* The TXT record at _mta-sts. of a domain (RFC 8461 3.1): whether there is one, and its id. Pure; the
 * texts come from strangers.
 *
 *  - STS-06, SEC-35: records that do not begin with "v=STSv1;", every octet and its case, are not looked
 *    at, whatever else stands in them; then exactly one must be left, or there is none.
 *  - STS-08: where all of them were passed over, one that has white space before that first semicolon is
 *    taken: the grammar has it, the rule for choosing forgets it (erratum 6285).
 *  - STS-09, STS-10: the first field id counts and has 1 to 32 letters and digits. All others, later ids
 *    among them, must be NAME=VALUE as the grammar has it, and are ignored.
 *
 * Whatever is wrong is a fault of the record alone: a policy that was fetched before stays (STS-13). */
#ifndef TLS_STS_RECORD_H
#define TLS_STS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include "engine/base/check.h"
#include "engine/base/result.h"
#include "engine/base/text.h"

enum { STS_ID_BYTES_MAX = 32 };

/* STS-12: ids have no order; another one than before says that the policy may be another. */
struct sts_record {
	char id[STS_ID_BYTES_MAX + 1];
	bool is_spaced; /* STS-08: for the log, since not every sender accepts it */
};

enum sts_record_fault {
	STS_RECORD_OK,
	STS_RECORD_NONE,    /* no record of MTA-STS */
	STS_RECORD_SEVERAL, /* more than one, which counts as none */
	STS_RECORD_BROKEN,  /* one, against the grammar */
	STS_RECORD_FAULTS
};

/* `records` are all TXT records of the answer, the strings of each joined (STS-05, dns_rdata_read_txt()),
 * in any order. On a fault *out_record is empty and `fail` says for people what is wrong. */
MUST_USE enum sts_record_fault sts_record_choose(const struct text *records, size_t records_count,
	struct sts_record *out_record, struct fail *fail);

/* "none", "several", "broken"; "ok". */
const char *sts_record_fault_text(enum sts_record_fault fault);

#endif
