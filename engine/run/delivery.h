/* One SMTP session of a worker: a connection to one address, and the attempts it carries.
 *
 *   open ─▶ connected ─▶ greeting, EHLO ─▶ [STARTTLS ─▶ handshake ─▶ EHLO] ─▶ transactions* ─▶ QUIT ─▶ over
 *
 * Bytes go between the connection (engine/io/conn) and the protocol (engine/smtp/smtp_session); this
 * file's part is what stands between them: time limits, the order of work, TLS, the end. */
#ifndef ENGINE_RUN_DELIVERY_H
#define ENGINE_RUN_DELIVERY_H

#include "engine/io/conn.h"
#include "engine/run/host_memory.h"
#include "engine/run/walk.h"
#include "engine/run/worker_state.h"
#include "engine/smtp/smtp_reply_class.h"
#include "engine/smtp/smtp_session.h"

#define DELIVERY_MAGIC 0xde11e401u
struct race;

/* The end of a session in words: those of a struct fail, with a few of ours before them. */
enum { DELIVERY_WHY_MAX = 320 };
enum {
	/* Larger messages say nothing of how fast a host answers. */
	DELIVERY_LATENCY_BYTES_MAX = 256 * 1024,
	/* Replies that came within this time are fast, whether we were busy or not. */
	DELIVERY_OUR_LAG_MS = 20,
};
#define DELIVERY_UNKNOWN_NS UINT64_MAX

enum delivery_state {
	DELIVERY_CONNECTING,
	DELIVERY_TALKING,   /* SMTP; the handshake of STARTTLS included */
	DELIVERY_CLOSING,   /* nothing is said any more, the connection is being closed */
};

struct delivery {
	uint32_t magic;
	uint8_t state;                 /* enum delivery_state */
	uint8_t rung;                  /* enum tls_rung it was opened with */
	bool is_fallback;              /* counted in lease->fallback_sessions */
	bool is_idle, turn_is_over;    /* in lease->idle; sent its share since then (worker_inflight.h) */
	bool is_quitting;              /* counted in lease->quitting_sessions */
	bool was_open;                 /* the connection was made */
	bool is_up;                    /* it was ready for mail once, and the scheduler knows */
	bool is_ended;                 /* delivery_ended() was called */
	bool is_audited;               /* delivery_audit() had its say */
	bool has_conn;                 /* `conn` is not idle */
	struct worker *worker;
	struct lease *lease;
	struct list_node node;         /* lease->sessions */
	struct list_node idle_node;    /* lease->idle */
	struct conn conn;              /* idle until a race is won */
	struct race *race;             /* NULL: none, or it is over */
	struct smtp_session smtp;
	struct smtp_session_config smtp_config;
	struct route *route;           /* our reference: the host lives in it */
	const struct route_host *host;
	struct ip_address ip;
	struct ip_address local;       /* our end; until it is connected that of the source, maybe none */
	const struct source *source;
	struct attempt *waiting;       /* opened for this one; not yet begun */
	uint32_t begun_count, begun_in_row; /* attempts inside the SMTP session: 0 to 2; since it idled */
	struct timer timer;
	uint64_t timer_ns;             /* when it fires */
	struct fail fail;              /* why the protocol failed */
	uint64_t opened_ns;
	uint64_t since_ns;             /* when `progress` last changed */
	uint64_t progress;
	uint64_t slowest_ns;           /* longest wait for a reply since the last transaction, or UNKNOWN */
	uint64_t id;
	const char *tls;               /* "TLSv1.3" (static), "" in cleartext */
	enum security_level security;
	enum tls_result tls_result;    /* RFC 8460, for the session event */
	uint32_t delivered_count;
	unsigned remembered;           /* enum smtp_cap: the host's memory has it from this session */
};

/* Opens a session to the target for the attempt, which waits in it. False: no memory for one now. */
MUST_USE bool delivery_open(struct worker *w, struct lease *lease, struct attempt *attempt,
	const struct walk_target *target);
/* Gives the attempt to a session that is idle. */
void delivery_take(struct delivery *d, struct attempt *attempt);
/* Ends it in good order: QUIT after what is under way. */
void delivery_quit(struct delivery *d);
/* Ends it at once; what is under way is settled as it stands. */
void delivery_stop(struct delivery *d);
/* True if the session can carry the attempt now. */
bool delivery_serves(const struct delivery *d, struct attempt *attempt);
/* How STARTTLS is used with a host that must prove this. */
enum smtp_starttls delivery_starttls(const struct security_demand *demand, enum tls_rung rung);
/* For crash reports: one line. */
void delivery_report(const struct delivery *d);
/* To which address it goes; before anything was said there. */
void delivery_go_to(struct delivery *d, const struct route_address *address);
/* What delivery_race.c hears of its sockets. */
void delivery_connected(struct delivery *d, int fd);
void delivery_unreachable(struct delivery *d, const struct fail *fail);
void delivery_race_over(struct delivery *d);

/* ---- delivery_latency.c ---- */
/* A reply came. since_ns: when the one before came or the last octets went, whatever was later. One that is
 * late and may have lain here while this thread was busy makes the transaction say nothing. */
void delivery_note_reply(struct delivery *d);
/* What the throttle learns of how fast the host answers: the slowest reply of the transaction. */
void delivery_note_latency(struct delivery *d, struct attempt *attempt);

/* ---- delivery_flight.c ---- */
/* Before it is begun: may it go in one flight? */
void delivery_let_fly(struct delivery *d, struct smtp_transaction *transaction);
/* It is done: what the host thought of its recipients. */
void delivery_note_answers(struct delivery *d, const struct smtp_transaction *transaction);

/* ---- delivery_race.c ---- */
size_t delivery_race_bytes(void); /* of one */
/* The target has addresses of both families, and the source too. False: no memory for a race now. */
MUST_USE bool delivery_race_start(struct delivery *d, const struct walk_target *target);
void delivery_race_timed_out(struct delivery *d); /* neither address answered */
void delivery_race_stop(struct delivery *d);      /* delivery_race_over() follows, unless it is over */

/* ---- delivery_end.c ---- */
/* The session is over before, between or in transactions: settles what waits in it, tells the throttle,
 * makes the session event. Called once, with smtp->end set. */
void delivery_ended(struct delivery *d);
/* What works at this host and what does not, as soon as it is known: the next session needs it. */
void delivery_remember(struct delivery *d);
/* The facts of this session for the events of an attempt: an index for attempt_rcpt.facts. */
uint8_t delivery_facts(const struct delivery *d, struct attempt *attempt);
struct smtp_channel delivery_channel(const struct delivery *d);
/* Which security the connection has to that host, for the event and for those who ask. */
enum security_level delivery_security_of(const struct conn *conn, const struct route_host *host);
/* An address of a race came to nothing while the other goes on: told like a session of its own. */
void delivery_lost_address(struct delivery *d, const struct ip_address *ip,
	const struct ip_address *from, const struct fail *fail);
/* Trouble of ours (no descriptor, no such source), which says nothing about the host. */
bool delivery_trouble_is_ours(const struct fail *fail);
/* Why a session ended, for people; `fail` is that of the protocol. */
void delivery_describe_end(const struct smtp_session *smtp, const struct conn *conn,
	const struct fail *fail, bool was_open, char out[static DELIVERY_WHY_MAX]);

/* ---- outcome.c ---- */
/* A transaction came back from the session: fates for its recipients, or another try. */
void outcome_of_transaction(struct delivery *d, struct attempt *attempt);
/* The pass is over: what is open is deferred, bounced or expired. */
void outcome_of_pass(struct worker *w, struct attempt *attempt);
/* The pass is broken off by us after a host spoke: that is the deferral. */
void outcome_of_broken_pass(struct worker *w, struct attempt *attempt);
/* The transaction with all recipients that are open, ready for smtp_session_begin(). */
void outcome_prepare(struct attempt *attempt);

#endif
