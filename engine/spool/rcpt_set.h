/* Recipients, each once: a file may name one twice, for instance when he is in To and in Cc. */
#ifndef ENGINE_SPOOL_RCPT_SET_H
#define ENGINE_SPOOL_RCPT_SET_H

#include <stdint.h>
#include "engine/base/arena.h"
#include "engine/base/envelope.h"
#include "engine/base/result.h"
#include "engine/base/siphash.h"

/* Takes out every recipient whose address stood before, and closes the gaps; the order stays, and
 * with it the first one's parameters. Addresses are in the form of envelope.h, so that equal
 * octets are equal mailboxes: the case of a local part counts, that of a domain does not.
 * `key` keeps a file from choosing addresses that collide. RESULT_MEMORY: the arena is exhausted. */
MUST_USE enum result rcpt_set_merge(struct envelope_rcpt *rcpts, uint32_t *rcpts_count,
	const struct siphash_key *key, struct arena *arena);

#endif
