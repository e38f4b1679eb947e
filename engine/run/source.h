/* Our own addresses that mail leaves from (--source), and the pools that they make up. Read-only from
 * the start of the threads on. */
#ifndef ENGINE_RUN_SOURCE_H
#define ENGINE_RUN_SOURCE_H

#include <stdint.h>
#include "engine/base/arena.h"
#include "engine/base/ip_address.h"
#include "engine/base/options.h"
#include "engine/base/result.h"
#include "engine/plan/warmup.h"
#include "engine/smtp/smtp_session.h"

enum {
	/* All of a pool are looked at for each message; more than a few hundred addresses are run by more
	 * than one sender. */
	SOURCES_MAX = 256,
	/* An address is lent to a few streams of mail; each customer has pools of his own. */
	SOURCE_POOLS_MAX = 16,
};

/* A local address that mail leaves from, or the one "any" when none was given; or one of each family with the
 * same settings (source_family.h). */
struct source {
	struct ip_address address;     /* family NONE: the system chooses */
	struct ip_address second;      /* of the other family; family NONE: it has none */
	const char *text;              /* its name, on disk too: the (IPv4) address; "" for any */
	const char *helo;              /* the name given in EHLO from here */
	struct smtp_session_config smtp; /* a session copies it and adds what its host demands */
	uint32_t index;
	uint32_t weight;               /* its share, beside the others of its pool */
	struct warmup warmup;
	struct text pools[SOURCE_POOLS_MAX];
	uint32_t pools_count;          /* 0: it serves mail that names no pool */
};

struct source_pool {
	struct text name;
	uint32_t *sources;             /* by index */
	uint32_t count;
};

struct source_pools {
	struct source_pool *items;     /* [0] serves mail that names no pool, maybe with nothing */
	uint32_t count;
};

/* The word of --source and its settings:
 *
 *   ADDR [helo=NAME] [weight=N] [pool=NAME,...] [warmup=N,N,...] [since=YYYY-MM-DD]
 *
 * or, as it was before, ADDR,helo=NAME. `helo`: the name where none is given. Memory comes from the arena.
 * RESULT_INVALID: with words that name what is wrong. RESULT_MEMORY. */
MUST_USE enum result source_parse(
	const char *value, const char *helo, struct arena *arena, struct source *out, struct fail *fail);
/* A name for EHLO, in A-labels (RFC 6531 3.7.1). RESULT_INVALID: it is none, or not fully qualified. */
MUST_USE enum result source_parse_helo(
	struct text name, struct arena *arena, const char **out_helo, struct fail *fail);

/* RESULT_MEMORY. */
MUST_USE enum result source_pools_make(const struct source *sources, uint32_t count, struct arena *arena,
	struct source_pools *out, struct fail *fail);
/* The pool that mail with this name goes from; NULL: there is none of that name. Where no --source has a pool
 * the name means nothing, and all serve all mail. */
const struct source_pool *source_pools_find(const struct source_pools *pools, struct text name);
bool source_pool_has(const struct source_pool *pool, const struct source *source);

#endif
