/* The envelope and the message of one recipient of a job: manifest, template and his line put together.
 *
 * Pure; job_prepare() once a job, job_message_make() for each recipient, on a worker. Beside what his line
 * has in `vars` every recipient has the values to, to_local, to_domain, id and job. */
#ifndef ENGINE_SPOOL_JOB_MESSAGE_H
#define ENGINE_SPOOL_JOB_MESSAGE_H

#include "engine/mail/template.h"
#include "engine/spool/job_manifest.h"
#include "engine/spool/job_recipients.h"
#include "engine/spool/message_file.h"

struct job {
	const struct job_manifest *manifest;
	struct template template; /* and the names of the VERP pattern */
	struct template_text verp;
	struct template_values defaults;
	/* Names of one recipient whose values are ours; TEXT_NONE: nothing asks for them. */
	size_t to, to_local, to_domain, id, job;
};

/* Compiles `template_file` and the VERP pattern. All arguments must live as long as the job. RESULT_INVALID:
 * the job can be sent to nobody; other results as template_compile(). */
MUST_USE enum result job_prepare(struct job *job, const struct job_manifest *manifest,
	struct text template_file, struct arena *arena, struct fail *out_fail);

/* What making a message needs beside the arena: the caller's, one for a worker. */
struct job_scratch {
	struct arena *arena;      /* reset by the caller afterwards */
	struct buf part, message; /* the largest part, and the largest message, that are sent */
};

/* RESULT_OK: as message_file_parse(). RESULT_INVALID, RESULT_TOO_LONG: this recipient is refused, and nobody
 * else; the sentence is for his event. RESULT_MEMORY: not now. */
MUST_USE enum result job_message_make(const struct job *job, const struct job_recipient *recipient,
	const struct message_file_context *context, struct job_scratch *scratch,
	struct envelope **out_envelope, struct body **out_body, struct fail *out_fail);

#endif
