/* What the operator holds back: rules by domain, job or file, in SPOOL/state/holds, one a line
 * ("domain a.example"). Mail that one of them meets is not sent until it is released; its lifetime goes on.
 *
 * The scheduler has one set, which it asks for every attempt that sets out; the main thread, or a tool
 * that has the lock of the spool, has another, which it writes. Names are those of
 * control_request.h: domains in lower case as A-labels; no name has a control character. */
#ifndef ENGINE_RUN_HOLDS_H
#define ENGINE_RUN_HOLDS_H

#include <stdbool.h>
#include <stddef.h>
#include "engine/base/hash_map.h"
#include "engine/base/result.h"

enum {
	/* Rules: looked at by people, made by people and their scripts. */
	HOLDS_MAX = 10000,
	HOLDS_BYTES_MAX = 4 * 1024 * 1024,
};

enum hold_kind { HOLD_DOMAIN, HOLD_JOB, HOLD_FILE, HOLD_KINDS };

struct hold {
	struct hash_node node; /* by text */
	enum hold_kind kind;
	size_t text_len;
	char text[]; /* as in the file, terminated */
};

struct holds {
	struct hash_map rules;
	char *state; /* SPOOL/state */
};

/* Reads the rules of a state directory; without a file there are none. RESULT_DAMAGED: a line that is no
 * rule, with its number: mail might go that was held. RESULT_MEMORY, RESULT_IO. */
MUST_USE enum result holds_load(struct holds *holds, const char *state, struct fail *fail);
/* A zeroed one is fine. */
void holds_deinit(struct holds *holds);
/* Replaces the file, durably. RESULT_NO_SPACE, RESULT_IO, RESULT_FORBIDDEN, RESULT_MEMORY. */
MUST_USE enum result holds_save(struct holds *holds, struct fail *fail);

static inline size_t holds_count(const struct holds *holds) { return holds->rules.count; }
bool holds_have(struct holds *holds, enum hold_kind kind, struct text name);
/* One that is there is fine. RESULT_LIMIT: HOLDS_MAX; RESULT_MEMORY. */
MUST_USE enum result holds_add(
	struct holds *holds, enum hold_kind kind, struct text name, struct fail *fail);
/* False: there was none. */
bool holds_remove(struct holds *holds, enum hold_kind kind, struct text name);
/* The rule that holds mail of these, "domain a.example", until the set changes; NULL: none. */
const char *holds_match(struct holds *holds, struct text domain, struct text job, struct text file);
const char *hold_kind_name(enum hold_kind kind);

#endif
