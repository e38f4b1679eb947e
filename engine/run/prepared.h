/* Files that the sender itself makes mail of: notifications (notice.h), the transactions of batch files
 * (files_split.c). How they come to be there exactly once:
 *
 *   prepare   a file in tmp/, durable, before the record that it goes with is in the journal
 *   commit    the record: the outcomes that a notification tells of; that the batch file is split
 *   publish   the file is moved to new/: from then on it is mail as any other
 *
 * A crash leaves files in tmp/. If the journal has the record, the next run publishes them; else they go,
 * since all is done anew. A file is written once and only moved after that, so that what the journal says
 * of it as mail holds wherever a crash puts it. */
#ifndef ENGINE_RUN_PREPARED_H
#define ENGINE_RUN_PREPARED_H

#include "engine/run/message.h"
#include "engine/run/recovery.h"

enum prepared_kind {
	PREPARED_NOTICE, /* number: the first recipient that it tells of. One outcome each: one name. */
	PREPARED_WARNING, /* the same, of those that are delayed: told of once */
	PREPARED_PART,   /* number: of the transaction, from 0 */
	PREPARED_REST,   /* what is not understood of a batch, for bad/; number: its offset */
	PREPARED_REASON, /* and why; the same number */
	PREPARED_KINDS,
};

enum { PREPARED_NAME_SIZE = 8 + 2 * MESSAGE_UNIQUE_BYTES + 1 + 20 + 1 };

/* The name in tmp/ and, of mail, in new/, made of the identity of the file that it comes of. */
void prepared_name(enum prepared_kind kind, const char *name, const struct file_identity *identity,
	uint64_t number, char out[static PREPARED_NAME_SIZE]);

/* Whether a file of that name in new/ is a notification. */
bool prepared_is_notice(const char *name);

/* Creates it in tmp/; what is there by that name was never published. The results of file_create(). */
MUST_USE enum result prepared_create(int tmp_fd, const char *name, int *out_fd, struct fail *fail);

/* To where it belongs: mail to new/, under its name; the others to bad/, named after `name`, the file that
 * they come of. What is there already stays. RESULT_NOT_FOUND: there is none. The caller brings the
 * directories to the disk. */
MUST_USE enum result prepared_publish(enum prepared_kind kind, const char *prepared,
	const char *name, uint64_t number, int tmp_fd, int new_fd, int bad_fd, struct fail *fail);

/* Looks through tmp/ for what a crash left. Before the queue is opened (keeper.h), which takes from
 * `recovery` what it knows itself. The caller brings the directories to the disk. */
MUST_USE enum result prepared_restore(
	int tmp_fd, int new_fd, int bad_fd, struct recovery *recovery, struct fail *fail);

#endif
