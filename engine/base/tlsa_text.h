/* TLSA records as people write them (RFC 6698 2.2): "3 1 1 0123abcd…", numbers and hex digits.
 * Pure. */
#ifndef ENGINE_BASE_TLSA_TEXT_H
#define ENGINE_BASE_TLSA_TEXT_H

#include "engine/base/arena.h"
#include "engine/base/buf.h"
#include "engine/base/check.h"
#include "engine/base/result.h"
#include "engine/base/tlsa.h"

/* Reads one record; spaces may stand between hex digits, as zone files allow. The data stands in
 * `arena`. What is well-formed and means nothing (usage 9, a digest too short) is a record like any
 * other: tls judges it. RESULT_INVALID with what is wrong for people; RESULT_MEMORY. */
MUST_USE enum result tlsa_text_parse(
	struct text text, struct arena *arena, struct tlsa_record *out_record, struct fail *fail);

/* (TLSA-30) "U S M HEX" without spaces in the hex; a malformed record has no hex. At most `hex_max`
 * octets of the data are shown, "..." for the rest, so that a whole certificate stays one line. */
void tlsa_text_put(struct buf *buf, const struct tlsa_record *record, size_t hex_max);

#endif
