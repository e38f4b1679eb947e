/* One recipient of a job directory that has a message, and what is said of him when he is done. */
#ifndef ENGINE_RUN_JOB_RCPT_H
#define ENGINE_RUN_JOB_RCPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/event.h"
#include "engine/base/list.h"
#include "engine/base/text.h"

struct job_domain;
struct job_run;
struct message;

/* What makes a message the one of a recipient: it has no file, its name is JOB/ORDINAL. */
struct job_rcpt {
	struct message *message;
	struct job_run *job;       /* NULL: there is nothing left of the job */
	struct job_domain *domain; /* NULL: it comes from the queue */
	struct list_node node;     /* in job->rcpts; scheduler */
	uint32_t ordinal;
	uint16_t name_len; /* of the name of the job */
	bool is_coming;    /* scheduler: counted in domain->coming */
	uint8_t ahead;     /* scheduler: enum job_ahead, counted in s->job_ahead */
	struct list_node site_node; /* in the site's rcpts, while queued and untried */
	bool is_done;      /* it has had its outcome in an earlier run */
	bool is_dropped;   /* it was when it was made: counted already */
	uint32_t line_len;
	char *line; /* of recipients.jsonl; NULL: not read yet */
};

/* The name of the queue, and back; false: it is no recipient's. */
void job_rcpt_name(char *out, size_t size, const struct job_run *job, uint32_t ordinal);
bool job_rcpt_of_name(const char *name, struct job_rcpt *out_rcpt);
static inline bool job_name_is_rcpt(const char *name)
{
	return text_find(text_of(name), '/') != TEXT_NONE;
}

/* What POST_JOB_RCPT_DONE says: what he came to, and the seq of the record. */
static inline uint64_t job_done_pack(enum event_kind kind, uint64_t seq)
{
	return (uint64_t)kind << 56 | seq;
}
static inline enum event_kind job_done_kind(uint64_t packed)
{
	return (enum event_kind)(packed >> 56);
}
static inline uint64_t job_done_seq(uint64_t packed) { return packed << 8 >> 8; }

#endif
