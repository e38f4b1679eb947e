/* The suppressor: the thread that puts addresses onto the suppression list by itself (--suppress-bounces).
 *
 *   worker ── a hard bounce (attempt_rcpt.is_hard) ──▶ recorder: SUPPRESS behind the outcome in the journal
 *   recorder ── SUPPRESS: what is durable there ──▶ suppressor: one commit for many
 *   suppressor ── SUPPRESSED ──▶ recorder: the journal may forget it
 *
 * A thread of its own, since a tool of another process may hold the list for as long as it likes: nothing but
 * this waits for it. The list keeps up to which record of the journal all is on it (suppress_applied_seq()),
 * so that a crash at any point leaves each address on the list after the next start, and one that was taken
 * off by hand is not put there again by an old record. */
#ifndef ENGINE_RUN_SUPPRESSOR_H
#define ENGINE_RUN_SUPPRESSOR_H

#include <stdint.h>
#include "engine/base/list.h"
#include "engine/base/result.h"
#include "engine/base/text.h"

struct hub;
struct suppress;
struct suppressor;

/* One address. */
struct suppress_item {
	struct list_node node;
	uint64_t seq; /* of its record */
	int64_t time_unix_s;
	uint16_t address_len, reason_len;
	char text[]; /* the address in the spelling of address_key.h, then the reason */
};

struct suppress_batch {
	struct list_node node;
	struct list items; /* suppress_item, by seq */
};

/* NULL: out of memory. The reason is cut to what the list takes. */
MUST_USE struct suppress_item *suppress_item_create(
	struct text address, struct text reason, int64_t time_unix_s, uint64_t seq);
void suppress_items_free(struct list *items);
/* With what is in it; NULL is allowed. */
void suppress_batch_destroy(struct suppress_batch *batch);

/* Puts all onto the list, with the number of the last one, and commits. Results of suppress_put(). Who is on
 * it already stays there as he is. */
MUST_USE enum result suppress_items_apply(
	const struct list *items, struct suppress *list, struct fail *fail);

/* hub->suppress is open. RESULT_MEMORY. */
MUST_USE enum result suppressor_create(
	struct hub *hub, struct suppressor **out_suppressor, struct fail *fail);
/* The thread's function. Returns NULL, or the suppressor when its ring could not be created. After STOP it
 * writes what came before, once; what cannot be written then is left to the next start. */
void *suppressor_run(void *suppressor);
const struct fail *suppressor_fail(const struct suppressor *suppressor);
/* After the threads; NULL is allowed. */
void suppressor_destroy(struct suppressor *suppressor);

#endif
