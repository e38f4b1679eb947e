/* What the files thread makes mail of itself (prepared.h): files_notice.c writes notifications, files_split.c
 * takes batch files apart; files_prepared.c is the door to both. */
#ifndef ENGINE_RUN_FILES_PREPARED_H
#define ENGINE_RUN_FILES_PREPARED_H

#include "engine/run/attempt.h"
#include "engine/run/files_state.h"

/* POST_NOTICE, POST_PUBLISH */
void files_notice(struct files *f, struct attempt *attempt);
void files_publish(struct files *f, struct attempt *attempt);
void files_notices_turn(struct files *f);
void files_notices_synced(struct files *f);

/* POST_SPLIT, POST_SPLIT_STOP, POST_SPLIT_RECORDED */
void files_split(struct files *f, struct message *message);
void files_split_stop(struct files *f);
void files_split_recorded(struct files *f, struct message *message);
bool files_split_is_ready(const struct files *f);
void files_split_turn(struct files *f);
void files_split_synced(struct files *f);
/* Of a run that was stopped in the middle of it. */
void files_split_end(struct files *f);

#endif
