/* What the queue keeps and how it looks in bytes (queue.h). Pure: memory in, memory out; the fuzzer lives
 * here.
 *
 *   files    name               version, checksum, identity, when it was accepted, sender, labels, the
 *                               keys of its attempts
 *   waiting  due u64 · id u64   version, checksum, name, and all that is known of the attempt
 *
 * Numbers in network byte order, so that `waiting` is in the order of time. The checksum is the CRC-32 of the
 * key and of all that stands behind it. Times are microseconds of the wall clock since 1970: they outlive a
 * boot. */
#ifndef STORE_QUEUE_SCHEMA_H
#define STORE_QUEUE_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/arena.h"
#include "engine/base/buf.h"
#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/base/text.h"
#include "store/journal_record.h"

enum {
	QUEUE_SCHEMA_VERSION = 1, /* of the environment, raised with any change of a key */
	QUEUE_VALUE_VERSION = 1,
	QUEUE_KEY_BYTES = 16,
	/* One attempt with MESSAGE_RCPTS_MAX recipients of 254 octets, or one file with as many attempts. */
	QUEUE_VALUE_BYTES_MAX = 4 * 1024 * 1024,
	QUEUE_LAST_MAX = 1024, /* words about the last pass */
};

struct queue_key {
	uint64_t due_us;
	uint64_t id;
};

struct queue_rcpt {
	uint32_t rcpt;       /* its index in the envelope */
	struct text address; /* for events and tools; the mail itself is read again */
};

/* Some recipients of one file, all of one domain, that wait for their next attempt. */
struct queue_attempt {
	struct queue_key key;
	uint64_t expires_us;
	uint32_t number;     /* of the next attempt, from 1 */
	uint32_t waits;      /* so far */
	bool transactional;
	bool is_held;        /* by the operator: its time is the end of its lifetime */
	bool is_dropped;     /* by the operator: its time has come, and it is not sent */
	bool is_warned;      /* its sender was told that it still waits */
	bool is_away;        /* its turn may have come: it is on disk to make room (--once waits for it) */
	uint64_t next_us;    /* when it is tried next: the key may be before that, so that its sender is told.
			      * Not before the key: when that says */
	struct text domain;
	struct text source;  /* our address of the last attempt, as text; empty: any */
	struct text last;    /* for people: how the last pass ended */
	const struct queue_rcpt *rcpts;
	uint32_t rcpts_count;
};

struct queue_file {
	struct record_file file;
	uint64_t accepted_us;  /* when its lifetime began */
	struct text from, id, job;
	uint8_t class;         /* enum envelope_class */
	uint32_t rcpts_left;   /* in all of its attempts */
	const struct queue_key *keys; /* of its attempts; some */
	uint32_t keys_count;
};

void queue_schema_put_key(struct buf *buf, const struct queue_key *key);
MUST_USE bool queue_schema_get_key(struct text bytes, struct queue_key *out_key);

/* Appends the value; false, and nothing appended, if `buf` has no room. */
MUST_USE bool queue_schema_put_file(struct buf *buf, const struct queue_file *file);
/* False for damage, or when the arena is exhausted (then it says so). Texts are borrowed from `value` and
 * `name`, arrays are in the arena. */
MUST_USE bool queue_schema_get_file(
	struct text name, struct text value, struct arena *arena, struct queue_file *out_file);

MUST_USE bool queue_schema_put_attempt(
	struct buf *buf, struct text name, const struct queue_attempt *attempt);
MUST_USE bool queue_schema_get_attempt(struct text key, struct text value, struct arena *arena,
	struct text *out_name, struct queue_attempt *out_attempt);

#endif
