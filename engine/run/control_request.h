/* What a tool asks of a running sender: one line of JSON on the socket SPOOL/state/control.
 *
 *   {"do":"drop","domain":"a.example"}     list, show, retry, drop, hold, release, job list, job show
 *
 * `domain`, `job` and `file` choose the mail, together if several are given; none: all of it. The answer is
 * entries, a line each (control_entry.h), and a last line with "end". Pure. */
#ifndef ENGINE_RUN_CONTROL_REQUEST_H
#define ENGINE_RUN_CONTROL_REQUEST_H

#include <stdbool.h>
#include "engine/base/buf.h"
#include "engine/base/domain_name.h"
#include "engine/base/envelope.h"
#include "engine/base/limits.h"
#include "engine/base/result.h"
#include "engine/run/holds.h"

enum {
	/* All names of full length, every octet escaped. */
	CONTROL_LINE_MAX = 64 + 6 * (DOMAIN_NAME_MAX + ENVELOPE_LABEL_MAX + FILE_NAME_BYTES_MAX),
};

enum control_act {
	CONTROL_LIST,    /* an entry for each attempt */
	CONTROL_SHOW,    /* the same, with all recipients */
	CONTROL_RETRY,   /* what waits for its next attempt is due now */
	CONTROL_DROP,    /* not sent any more: withdrawn */
	CONTROL_HOLD,    /* a rule that mail is not sent, now and later */
	CONTROL_RELEASE, /* the rule is gone, and what it held is due now */
	CONTROL_JOB_LIST, /* what the jobs have come to so far (control_job.h), and what waits of others */
	CONTROL_JOB_SHOW, /* the same of one, with its largest domains: `job` is its name or its directory */
	CONTROL_ACTS
};

struct control_request {
	enum control_act act;
	/* Terminated; empty: any. Domains in lower case as A-labels; nothing has control characters. */
	char domain[DOMAIN_NAME_SIZE];
	char job[ENVELOPE_LABEL_MAX + 1];
	char file[FILE_NAME_BYTES_MAX + 1];
};

/* It changes nothing, and its answer has lines. */
static inline bool control_act_tells(enum control_act act)
{
	return act == CONTROL_LIST || act == CONTROL_SHOW || act == CONTROL_JOB_LIST ||
	       act == CONTROL_JOB_SHOW;
}

/* "retry" */
const char *control_act_name(enum control_act act);

/* RESULT_INVALID with a sentence. These fill a field of it: for the tool, which reads them from its
 * arguments. */
MUST_USE enum result control_request_set_domain(
	struct control_request *request, struct text domain, struct fail *fail);
MUST_USE enum result control_request_set_job(
	struct control_request *request, struct text job, struct fail *fail);
MUST_USE enum result control_request_set_file(
	struct control_request *request, struct text file, struct fail *fail);
/* HOLD and RELEASE name one rule, SHOW one file, JOB SHOW one job, JOB LIST nothing. */
MUST_USE enum result control_request_check(
	const struct control_request *request, struct fail *fail);

/* A line without its end. RESULT_INVALID: what is wrong with it; RESULT_MEMORY. */
MUST_USE enum result control_request_parse(
	struct text line, struct control_request *out_request, struct fail *fail);
/* With the end of the line; CONTROL_LINE_MAX is enough. */
void control_request_put(struct buf *buf, const struct control_request *request);

/* Is that mail meant? */
bool control_request_matches(const struct control_request *request, struct text domain,
	struct text job, struct text file);
/* The same of mail by its name in the queue, JOB/ORDINAL for a recipient of a job directory. JOB LIST and JOB
 * SHOW mean single files that have the name of a job: what a directory has come to is told otherwise. */
bool control_request_means(const struct control_request *request, struct text domain,
	struct text job, struct text file);
/* A list of everything, which begins with what is held. */
bool control_request_wants_rules(const struct control_request *request);
/* The rule of HOLD and RELEASE. */
enum hold_kind control_request_rule(const struct control_request *request, struct text *out_name);

#endif
