/* What manifest and recipients of a job share in reading JSON. Inside of engine/spool only. */
#ifndef ENGINE_SPOOL_JOB_JSON_H
#define ENGINE_SPOOL_JOB_JSON_H

#include <jansson.h>
#include "engine/spool/job_manifest.h"

/* One object without a key twice; to be given back by job_json_end() before another one is loaded. NULL:
 * RESULT_INVALID is in out_fail. */
json_t *job_json_load(struct text json, struct fail *out_fail);
void job_json_end(json_t *root);

/* Each of these takes what stands under a key: RESULT_OK, RESULT_INVALID with a sentence, RESULT_MEMORY. */
MUST_USE enum result job_json_text(
	const json_t *value, struct arena *arena, struct text *out_text, struct fail *out_fail);
/* A label of ENVELOPE_LABEL_MAX printable octets. */
MUST_USE enum result job_json_label(
	const json_t *value, struct arena *arena, struct text *out_text, struct fail *out_fail);
MUST_USE enum result job_json_time(const json_t *value, int64_t *out_unix_s, struct fail *out_fail);
/* One mailbox; `may_be_empty`: also "" and "<>". */
MUST_USE enum result job_json_address(const json_t *value, bool may_be_empty, struct arena *arena,
	struct envelope_address *out_address, struct fail *out_fail);
/* An object of strings, numbers, true, false and null (which is no value). Names that are ours are
 * refused. */
MUST_USE enum result job_json_values(const json_t *value, struct arena *arena,
	struct job_value **out_values, uint32_t *out_count, struct fail *out_fail);

/* Names of values that every recipient has by itself: to, to_local, to_domain, id, job. */
bool job_value_is_ours(struct text name);

#endif
