/* A batch SMTP file with one transaction, all of whose recipients are good, is a message like one with
 * X-Sender and X-Receiver. All others are split into such (engine/run/files_split.c). */
#ifndef ENGINE_SPOOL_BATCH_MESSAGE_H
#define ENGINE_SPOOL_BATCH_MESSAGE_H

#include "engine/spool/batch_file.h"
#include "engine/spool/message_file.h"

/* A file of either format: as message_file_parse(), and RESULT_UNAVAILABLE: a batch that is to be split
 * first. `file` is overwritten. Callers reset both arenas; `batch` holds up to BATCH_ARENA_BYTES_MAX. */
MUST_USE enum result batch_or_message_parse(char *file, size_t bytes,
	const struct message_file_context *context, struct arena *batch, struct arena *scratch,
	struct envelope **out_envelope, struct body **out_body, struct fail *out_fail);

#endif
