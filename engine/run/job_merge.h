/* The message of one recipient of a job, made of his line and of the template: by a worker right before it is
 * sent, and by the files thread for a notification that gives it back. */
#ifndef ENGINE_RUN_JOB_MERGE_H
#define ENGINE_RUN_JOB_MERGE_H

#include "engine/base/body.h"
#include "engine/base/siphash.h"
#include "engine/run/message.h"

/* Of one thread; all but the buffers is borrowed. */
struct job_merger {
	struct arena *arena; /* reset behind each */
	struct buf part,
		message; /* grow with the largest job; their memory is given back by job_merger_end() */
	struct text date; /* of a message without one */
	struct text host;
	struct siphash_key hash_key;
};

void job_merger_end(struct job_merger *merger);
/* Merges his message, which has its line and its job, into `room`; results of job_message_make(). */
MUST_USE enum result job_merge(struct job_merger *merger, const struct message *message,
	struct body_room *room, struct envelope **out_envelope, struct body **out_body,
	struct fail *out_fail);

#endif
