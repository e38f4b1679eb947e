/* manifest.json of a job directory (DESIGN 1, format 3): what holds for all of its recipients.
 *
 *   { "version": 1, "id": "may-42", "recipients": 1000000, "sender": "news@list.example",
 *     "verp": "b-{{id}}@list.example", "class": "bulk", "job": "May", "pool": "news",
 *     "defaults": { "name": "friend" }, "missing": "refuse",
 *     "template_bytes": 5120, "recipients_bytes": 94371840,
 *     "not_before": "2026-09-01T06:00:00Z", "expiry": "2026-09-03T00:00:00Z" }
 *
 * version, id, recipients and sender must be there. It is written last and names what must agree with it;
 * what does not is refused whole. A key that is not known is a mistake in another, and refused as well.
 * Pure. */
#ifndef ENGINE_SPOOL_JOB_MANIFEST_H
#define ENGINE_SPOOL_JOB_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/arena.h"
#include "engine/base/envelope.h"
#include "engine/base/result.h"
#include "engine/base/text.h"

enum {
	JOB_MANIFEST_BYTES_MAX = 256 * 1024, /* 256 defaults of a kilobyte each */
	JOB_VALUES_MAX = 256,                /* of one recipient, and of the defaults */
	/* Recipients of one job: their numbers are stored in 32 bits. */
	JOB_RECIPIENTS_MAX = 1000 * 1000 * 1000,
};

/* UINT64_MAX where a size is not given. */
#define JOB_BYTES_UNKNOWN UINT64_MAX

struct job_value {
	struct text name, value; /* of a number: its digits; of true and false: these words */
};

/* All texts are in the arena. */
struct job_manifest {
	struct text id;                 /* the identity of the job (DESIGN 1) */
	struct text job, pool;          /* job: the id where it is not given */
	enum envelope_class class;      /* BULK where it is not given */
	struct envelope_address sender; /* empty: the null sender */
	struct text verp;               /* a template of the sender; empty: the same for all */
	uint64_t recipients_count;
	uint64_t template_bytes, recipients_bytes;
	int64_t not_before_unix_s, expiry_unix_s; /* 0: not given */
	bool missing_is_empty;
	struct job_value *defaults;
	uint32_t defaults_count;
};

/* RESULT_INVALID with the sentence; RESULT_MEMORY. */
MUST_USE enum result job_manifest_parse(struct text json, struct arena *arena,
	struct job_manifest *out_manifest, struct fail *out_fail);

/* What is there against what it says. RESULT_INVALID: the job is refused. */
MUST_USE enum result job_manifest_check(const struct job_manifest *manifest,
	uint64_t template_bytes, uint64_t recipients_bytes, uint64_t recipients_count,
	struct fail *out_fail);

#endif
