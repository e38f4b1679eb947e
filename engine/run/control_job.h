/* One line of an answer to a tool: what a job directory has come to so far (control_request.h, JOB LIST and
 * JOB SHOW); and what is known of a job that is single files. The texts are borrowed for the call. */
#ifndef ENGINE_RUN_CONTROL_JOB_H
#define ENGINE_RUN_CONTROL_JOB_H

#include <stddef.h>
#include <stdint.h>
#include "engine/base/event.h"
#include "engine/base/text.h"

struct buf;
struct job_progress;

enum {
	/* Of JOB SHOW: the providers that a person can do something about. */
	CONTROL_JOB_DOMAINS_MAX = 20,
	/* Final kinds of events stand first in event.def. */
	CONTROL_JOB_KINDS = EVENT_REJECTED_INPUT + 1,
};

struct control_job_domain {
	struct text name; /* empty: lines that cannot be read */
	uint32_t rcpts_count, delivered, failed, pending;
	struct text hold; /* the rule that holds it, or empty */
};

struct control_job {
	struct text directory, job;
	const char *state; /* "accepting", "running", "waiting", "held", "ending", "new" */
	struct text hold;  /* the rule that holds it, or empty */
	uint64_t rcpts_count;
	uint64_t by_kind[CONTROL_JOB_KINDS];
	uint64_t pending;                            /* of these, */
	uint64_t unmade;                             /* not even a message yet; */
	uint64_t in_memory;                          /* the others wait in the queue on disk */
	int64_t begun_us, not_before_us, expires_us; /* since 1970; 0: nobody knows, or none */
	uint64_t per_second;                         /* final outcomes, in the last minute */
	uint32_t domains_count;
	const struct control_job_domain *domains; /* the largest; NULL: not asked for */
	size_t domains_len;
};

/* Fills by_kind and pending. */
void control_job_take_progress(struct control_job *job, const struct job_progress *progress);

/* The bytes that control_job_put() writes at most. */
size_t control_job_bytes(const struct control_job *job);
/* {"directory":"may", ... }\n */
void control_job_put(struct buf *out, const struct control_job *job);
/* {"label":"spring","delivered":7, ... }\n, since the start of the sender; CONTROL_JOB_LABEL_BYTES and
 * six for each octet of the name are enough. */
enum { CONTROL_JOB_LABEL_BYTES = 512 };
void control_job_put_label(
	struct buf *out, struct text label, const uint64_t by_kind[static CONTROL_JOB_KINDS]);

#endif
