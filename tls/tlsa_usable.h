/* Which TLSA records of a set decide about a host (RFC 7671 9, RFC 7672 3.1, 5). Pure.
 *
 * A record is unusable (DANE-40, TLSA-02 to TLSA-05) when it is malformed, its usage is none of
 * DANE-TA(2) and DANE-EE(3), its selector or matching type is unknown, its digest has another
 * length than that digest has, or its Full(0) data is not one DER element of the kind that the
 * selector names. An algorithm of a key that nobody here knows is no reason: such a record is
 * usable and matches nothing (ruling TLSA-05).
 *
 * What is usable passes the agility of digests (TLSA-11 to TLSA-15): of one usage and selector only
 * the strongest digest stays, and Full(0) beside it. */
#ifndef TLS_TLSA_USABLE_H
#define TLS_TLSA_USABLE_H

#include <stddef.h>
#include "engine/base/tlsa.h"

/* Writes the records that count into `out`, which has room for `count`, in canonical order, each once,
 * and returns how many; 0: all are unusable. `count` is at most TLSA_RECORDS_MAX. The bytes stay
 * borrowed from `records`. */
size_t tlsa_usable(const struct tlsa_record *records, size_t count, struct tlsa_record *out);

#endif
