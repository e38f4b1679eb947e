/* How hard one provider may be worked from one source: sessions, pauses, suspension.
 *
 * The scheduler holds one for each provider and source address and tells it what workers hear; the
 * effects are those of CONFORMANCE 0.4's table, and those of latency.h. Pure: the caller gives time and
 * random bits. Every change of speed is told with its cause (SMTP-39): `changes` counts those that
 * somebody should hear of; each single session that comes back is none.
 * Invariant: 1 <= sessions_now <= sessions_max. */
#ifndef ENGINE_PLAN_THROTTLE_H
#define ENGINE_PLAN_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/plan/latency.h"

enum {
	/* CONFORMANCE 0.4: block replies over a tenth of the last 200 suspend. */
	THROTTLE_WINDOW = 200,
	/* Fewer replies than this say nothing about a share. */
	THROTTLE_WINDOW_MIN = 20,
	/* The first sessions to a site: until it has answered well, nobody knows whether it does. */
	THROTTLE_SESSIONS_FIRST = 2,
	/* After trouble a session comes back
	 * after so many good replies: slow enough to not swing. */
	THROTTLE_RECOVER_REPLIES = 50,
	/* Each time that trouble comes at the same number of sessions it takes twice as many to try that
	 * number again, up to 50 << 8: a receiver that takes four at once is not asked for a fifth every
	 * second, with a pause for each. */
	THROTTLE_PROBES_MAX = 8,
};

enum throttle_state {
	THROTTLE_OPEN,
	THROTTLE_PAUSED,    /* slowed down: a short wait, mail is still to be sent now */
	THROTTLE_BACK_OFF,  /* no host could be reached: exponential wait */
	THROTTLE_SUSPENDED, /* they refuse us: a long wait, said aloud */
};

/* What last changed the speed. */
enum throttle_cause {
	THROTTLE_CAUSE_NONE,
	THROTTLE_CAUSE_SLOW_DOWN, /* 421, or MAIL was refused for now */
	THROTTLE_CAUSE_BACK_OFF,  /* no host could be reached */
	THROTTLE_CAUSE_REFUSED,   /* they refuse us */
	THROTTLE_CAUSE_BLOCKS,    /* too many of its replies are blocks */
	THROTTLE_CAUSE_LATENCY,   /* its replies take longer and longer */
	THROTTLE_CAUSE_RESUMED,   /* the wait is over */
	THROTTLE_CAUSE_RECOVERED, /* as many sessions as before the trouble, or as are allowed */
	THROTTLE_CAUSE_LIMIT,     /* another limit was given */
};

struct throttle {
	uint32_t sessions_max;       /* the operator's limit */
	uint32_t sessions_now;       /* what we allow ourselves at present */
	bool is_starting;            /* no trouble yet: each session that comes up allows another */
	uint32_t good_in_row;        /* replies since the last trouble or growth, for recovery */
	bool answers;                /* a good reply since the last trouble */
	uint32_t ceiling;            /* with so many sessions there was trouble; 0: not known */
	uint32_t probes;             /* how often there was, in a row */
	uint32_t backs_off_in_row;   /* connection failures without a success between */
	enum throttle_state state;   /* why blocked_until_ns lies ahead; may be stale once it is past */
	uint64_t blocked_until_ns;   /* no new work before this instant */
	uint64_t back_off_first_ns;  /* the first wait when no host can be reached */
	struct latency latency;      /* of its replies */
	enum throttle_cause cause;   /* of the last change that is worth telling, */
	uint32_t changes;            /* how many there were, */
	uint32_t sessions_before;    /* and what was allowed before it */
	uint32_t sessions_whole;     /* before the trouble that it recovers from; 0: no trouble */
	uint32_t sessions_low;       /* the fewest since then */
	uint8_t window[THROTTLE_WINDOW]; /* 1: that reply was a block */
	uint16_t window_next, window_len, window_blocks;
};

/* `back_off_first_ns`: 0 means 15 s. */
void throttle_init(struct throttle *t, uint32_t sessions_max, uint64_t back_off_first_ns);

/* Another limit; what is more than it goes at once, what is less is grown into. */
void throttle_limit(struct throttle *t, uint32_t sessions_max);

/* May work be handed out at this instant, and if not, why not? */
enum throttle_state throttle_state_at(const struct throttle *t, uint64_t now_ns);

/* A session was greeted and is ready for mail: at the start that allows one more, so that their number
 * doubles with each round trip of setting them up, and a dead site costs two connections. Not while its
 * replies are slow. */
void throttle_on_session_up(struct throttle *t);
/* A transaction went through. */
void throttle_on_good(struct throttle *t);
/* The slowest reply of a transaction took so long. Rising ones take a quarter of the sessions, and let
 * none come back. */
void throttle_on_latency(struct throttle *t, uint32_t reply_ms, uint64_t now_ns);
/* 421 anywhere, MAIL 4xx: half the sessions and a pause of some seconds. */
void throttle_on_slow_down(struct throttle *t, uint64_t now_ns, uint64_t random);
/* No connection, banner 4xx, TLS failure: wait, doubling up to an hour; the first in a row also takes half
 * the sessions. Failures that are heard while it is already waiting are the same trouble and count
 * once. Of a site that has just answered well the first is as a 421: that session may have been one
 * too many for it. */
void throttle_on_back_off(struct throttle *t, uint64_t now_ns, uint64_t random);
/* Banner 5xx, EHLO and HELO refused: an hour. Returns true when that is news. */
bool throttle_on_suspend(struct throttle *t, uint64_t now_ns, uint64_t random);
/* A reply of the policy or block class: suspends when they are over a tenth of the last 200.
 * Returns true when that happened now. */
bool throttle_on_block_reply(struct throttle *t, uint64_t now_ns, uint64_t random);
/* A wait was over, and the caller has seen it: that is a change too. */
void throttle_resumed(struct throttle *t);

#endif
