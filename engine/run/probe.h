/* A conversation with one address of a host that carries no mail: for `explain --connect`.
 *
 *   connect ─▶ greeting, EHLO ─▶ [STARTTLS ─▶ handshake ─▶ EHLO] ─▶ ready for mail: QUIT ─▶ done
 *
 * It goes over the same connection, protocol and verifier as a delivery (delivery.c), under the host's
 * own demand; what differs is that nothing is remembered and nothing sent. One thread, the loop's. */
#ifndef ENGINE_RUN_PROBE_H
#define ENGINE_RUN_PROBE_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/ip_address.h"
#include "engine/base/policy.h"
#include "engine/base/timer_wheel.h"
#include "engine/io/conn.h"
#include "engine/io/loop.h"
#include "engine/route/route.h"
#include "engine/run/config.h"
#include "engine/run/delivery.h"
#include "engine/run/host_memory.h"
#include "engine/smtp/smtp_session.h"
#include "tls/tls_conn.h"
#include "tls/tls_context.h"

#define PROBE_MAGIC 0x9406e001u

enum probe_verdict {
	PROBE_PASSED,  /* the host is ready for mail and has proven what is demanded */
	PROBE_REFUSED, /* it did not prove it: no mail goes there as long as that is so */
	PROBE_FAILED,  /* it did not come so far: not reached, refused to talk */
	PROBE_NOT_MADE, /* we have no address of the family to connect from */
};

/* What came of it. Texts are static but for `why`; `matched` lives as long as the route. */
struct probe_result {
	enum probe_verdict verdict;
	struct ip_address ip;
	enum tls_rung rung;
	bool was_open;               /* the connection was made */
	bool spoke;                  /* a reply ended it: other addresses are the same host */
	bool tls_broke;              /* a handshake began and failed: a lower rung may do */
	enum security_level security;
	unsigned offered;            /* set of enum smtp_cap, of the last answer to EHLO */
	const char *tls, *cipher, *group; /* "TLSv1.3" and the like; "" in cleartext */
	enum tls_result tls_result;  /* of a failed handshake (RFC 8460 4.3) */
	const struct tlsa_record *matched; /* of the demand: the one that the chain matches; NULL: none */
	size_t matched_depth;        /* where that is: 0 is the host's own certificate */
	bool has_leaf;               /* it showed a certificate, of which these are the SHA-256: */
	uint8_t certificate[TLS_DIGEST_LEN], key[TLS_DIGEST_LEN]; /* TLSA data of 3 0 1 and 3 1 1 */
	char why[DELIVERY_WHY_MAX];  /* for people; "" when it passed */
};

/* What probes share; outlives them. */
struct probe_env {
	struct loop *loop;
	struct conn_pool *pool;
	struct tls_context *tls;
	const struct run_config *config; /* has sources */
};

struct probe;
/* From the loop; the probe may be used again in it. */
typedef void probe_done_fn(struct probe *probe, void *context);

struct probe {
	uint32_t magic;
	const struct probe_env *env;
	const struct route *route;       /* borrowed, with the host, until done */
	const struct route_host *host;
	probe_done_fn *done;
	void *context;
	struct conn conn;
	struct smtp_session smtp;
	struct smtp_session_config smtp_config;
	struct timer timer;
	bool is_closing, is_quitting;
	struct fail fail;                /* why the protocol failed */
	uint64_t since_ns, progress;     /* as in delivery.h */
	struct probe_result result;
};

/* The host's address at this index, under its demand. False when no source of ours fits the family: then
 * only `result` is filled, and `done` is not called. A probe under way cannot be stopped: its time
 * limits end it. */
MUST_USE bool probe_start(struct probe *probe, const struct probe_env *env, const struct route *route,
	const struct route_host *host, size_t address, enum tls_rung rung, probe_done_fn *done,
	void *context);

#endif
