/* One attempt: some recipients of one message, all of one domain, on their way over its hosts.
 * Made by the scheduler when a message has been read, leased to a worker, given to the recorder with a
 * fate for every recipient, and back to the scheduler, which keeps what was deferred until its next time.
 * Owned by one thread at a time. */
#ifndef ENGINE_RUN_ATTEMPT_H
#define ENGINE_RUN_ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/buf.h"
#include "engine/base/event.h"
#include "engine/base/list.h"
#include "engine/base/policy.h"
#include "engine/base/timer_queue.h"
#include "engine/plan/fair_queue.h"
#include "engine/plan/retry.h"
#include "engine/route/route.h"
#include "engine/run/heard.h"
#include "engine/run/message.h"
#include "engine/smtp/smtp_transaction.h"

struct domain;
struct lease;
struct site;
struct source;
#define ATTEMPT_MAGIC 0xa77e3975u
enum {
	ATTEMPT_REASON_MAX = 480,   /* the hosts tried, each with its trouble */
	ATTEMPT_LAST_MAX = 320,     /* what is kept of the last pass while it waits */
	ATTEMPT_TEXTS_BASE = 512,   /* replies kept: room for one long one, */
	ATTEMPT_TEXTS_RCPT = 80, ATTEMPT_TEXTS_MAX = 16384, /* and some for each recipient */
};

enum attempt_state {
	ATTEMPT_ROUTING,   /* its domain waits for a route */
	ATTEMPT_QUEUED,    /* waits for its throttle */
	ATTEMPT_LEASED,    /* a worker has it */
	ATTEMPT_RECORDING, /* the recorder has it */
	ATTEMPT_WAITING,   /* deferred, until due */
};

enum attempt_fate {
	ATTEMPT_OPEN,      /* nothing yet */
	ATTEMPT_DELIVERED, ATTEMPT_DEFERRED, ATTEMPT_BOUNCED, ATTEMPT_EXPIRED,
	ATTEMPT_WITHDRAWN, ATTEMPT_SUPPRESSED,
	ATTEMPT_REJECTED,  /* of a job: what was given for him is no mail */
};

struct attempt_facts { /* on which channel something was heard; for the event */
	struct route *route;        /* a reference: `mx`, the host's name, lives in it; NULL in [0] */
	const char *mx;
	struct ip_address ip, source;
	const char *helo;           /* static for the run */
	const char *tls;            /* "TLSv1.3" (static), "" in cleartext */
	uint64_t session;           /* id of the connection; 0: none */
	enum security_level security;
	enum security_need need;
	bool authenticated, lacks_dsn; /* lacks_dsn: it sends no notification of success (EXT-DSN-03) */
};

struct attempt_rcpt { /* 28 octets: a waiting message holds nothing else for each */
	uint32_t rcpt;              /* index in the envelope */
	uint32_t text_at;           /* of the reply, in work->texts */
	uint16_t text_len;
	uint16_t code;
	struct smtp_status status;
	uint8_t fate;               /* enum attempt_fate */
	uint8_t bounce_class;       /* enum bounce_class */
	uint8_t facts;              /* index in work->facts; 0: no host was heard */
	uint8_t lacks;              /* enum smtp_cause: what the hosts so far lacked for it; 0: nothing */
	/* has_notice: recorded when a notification is prepared; is_hard: for the list (--suppress-bounces) */
	bool counts_as_attempt : 1, has_notice : 1, is_hard : 1;
};
enum { ATTEMPT_FACTS_MAX = 8 }; /* hosts that answered in one pass; the last one is reused */
/* Needed only from lease to record: not held by what waits. */
struct attempt_work {
	struct smtp_transaction transaction;
	struct smtp_rcpt_result *results;   /* one for each recipient of the attempt */
	struct attempt_facts facts[ATTEMPT_FACTS_MAX]; /* [0]: nobody was heard */
	uint8_t facts_count;                /* at least 1 */
	uint8_t order[ROUTE_HOSTS_MAX];     /* the hosts of this pass */
	uint8_t host_rank;                  /* which of `order` is at work */
	uint8_t address_at; bool keeps_address; uint16_t addresses_tried; /* see walk.h; tried: as bits */
	bool eightbit_as_is;                /* second pass for want of 8BITMIME */
	uint8_t fresh_tries;                /* sessions that came to nothing before its turn */
	bool ticket_failed;                 /* a session could not be resumed here: once more in full */
	uint8_t hosts_refused, hosts_lacking; /* that said 521 (all: a bounce); that lacked what it needs */
	bool trouble_backs_off;             /* `trouble` is one that the site backs off for */
	uint8_t hosts_tried;                /* sessions that it was offered to, or that failed for it */
	struct attempt_rcpt trouble;        /* what open recipients get if the pass ends so */
	struct heard heard;                 /* for the throttle */
	struct buf reason;
	char reason_memory[ATTEMPT_REASON_MAX];
	uint32_t texts_used, texts_size;
	char *texts;
};

struct attempt {
	uint32_t magic;
	uint8_t state;                 /* enum attempt_state; attempt_move() */
	/* is_noticed: notifications come once it is recorded; is_warning: it tells of others, is_warned: told
	 * of (scheduler_warn.h); has_turn: it had one of its source; waits_for_room: of a warm-up. */
	bool transactional, is_noticed, is_warning, is_warned, has_turn, waits_for_room;
	uint32_t looked;               /* the last round of looks whether it goes from elsewhere */
	uint64_t route_until_ns;       /* when the names are looked up anew */
	struct message *message;
	struct list_node message_node; /* message->attempts; scheduler */
	struct list_node node;         /* of whoever owns it */
	struct fair_item fair;         /* while QUEUED */
	struct timer_queue_node time;  /* WAITING: due; ROUTING, QUEUED: end of the lifetime */
	struct domain *domain;         /* scheduler */
	struct site *site;             /* while QUEUED */
	struct lease *lease;           /* while LEASED, and after until HEARD */
	const struct source *source;   /* from where; kept over retries (greylisting) */
	struct warmup_count *warmup;   /* where room is reserved for it; NULL: nowhere */
	struct route *route;           /* our reference; while QUEUED to RECORDING */
	struct body *body;             /* our reference; while LEASED */
	struct attempt_work *work;     /* from lease or fate to record */
	char *last;                    /* for people: how the last pass ended; NULL: none yet */
	uint64_t expires_ns, due_ns, warn_ns; /* monotonic; due_ns: WAITING; warn_ns: 0: never */
	bool is_held, is_dropped;      /* by the operator: WAITING until it expires; withdrawn if not done */
	bool is_away, given_back;      /* to the disk, untried, to make room; with its fates: by us alone */
	uint32_t number, waits;        /* of this attempt, from 1; so far: the exponent of the next wait */
	struct watch_mark mark;
	uint32_t rcpts_count;
	struct attempt_rcpt rcpts[];
};

/* NULL: out of memory. The recipients are the caller's to fill in. */
MUST_USE struct attempt *attempt_create(struct message *message, uint32_t rcpts_count);
/* Gives back route, body and work. */
void attempt_destroy(struct attempt *attempt);
/* The message counts how many of its attempts are in which state. */
void attempt_move(struct attempt *attempt, enum attempt_state state);
/* If there is none; false: out of memory. */
MUST_USE bool attempt_begin_work(struct attempt *attempt);
void attempt_end_work(struct attempt *attempt);
/* Adds "host [ip]: what" to the reason. */
void attempt_add_reason(
	struct attempt *attempt, const char *host, const struct ip_address *ip, const char *what);
/* All open recipients get this fate, without a reply; `status` as "4.4.3". */
void attempt_settle(struct attempt *attempt, enum attempt_fate fate, enum bounce_class bounce_class,
	const char *status);
struct text attempt_reply_text(const struct attempt *attempt, const struct attempt_rcpt *rcpt);
bool attempt_has_open(const struct attempt *attempt); /* a recipient has no fate */
struct smtp_status attempt_status_of(const char *status);
/* The status of a reply that has the code: its own if it has one, else the class alone ("5.0.0"). */
struct smtp_status attempt_status_for(uint16_t code, struct smtp_status status);
void attempt_keep_last(struct attempt *attempt); /* what was heard, for while it waits */
#endif
