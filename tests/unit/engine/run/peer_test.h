/* A receiver on loopback that does as it is told, for tests of the worker: it listens on an address and a
 * port of its own, each connection has a thread and the rules of its number.
 *
 *   struct peer peer;
 *   peer_init(&peer, "127.0.0.1");
 *   peer.rules[0].rcpt = "450 4.2.1 later";     the first connection
 *   peer.rules_count = 2;                       all others: the default
 *
 * What was said to it can be looked at with peer_said(). */
#ifndef TESTS_UNIT_ENGINE_RUN_PEER_TEST_H
#define TESTS_UNIT_ENGINE_RUN_PEER_TEST_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PEER_RULES_MAX = 8,
	PEER_CONNS_MAX = 64,
	PEER_LOG_BYTES = 8192,
	PEER_FILLERS = 8,
};

enum peer_stage {
	PEER_NOWHERE,
	PEER_GREETING,
	PEER_EHLO,
	PEER_STARTTLS,
	PEER_HANDSHAKE,
	PEER_MAIL,
	PEER_RCPT,
	PEER_DATA,
	PEER_FINAL,
	PEER_QUIT,
};

enum peer_tls {
	PEER_TLS_NOT_OFFERED,
	PEER_TLS_GOOD,
	PEER_TLS_1_2,     /* no more than that */
	PEER_TLS_1_0,     /* likewise: too old for us */
	PEER_TLS_GARBAGE, /* 220, then no TLS */
	PEER_TLS_CLOSE,   /* 220, then the end */
};

/* Replies without CRLF; NULL: the usual one. One that begins with 421 is followed by the end. */
struct peer_rules {
	const char *banner, *ehlo, *starttls, *mail, *rcpt, *data, *final, *quit;
	const char *bad_rcpt; /* a RCPT with this in it gets "550 5.1.1 unknown" */
	enum peer_tls tls;
	const char *inject;        /* behind the 220 of STARTTLS, in the same segment */
	enum peer_stage silent_at; /* nothing is answered from here on */
	enum peer_stage close_at;  /* the end instead of an answer */
	bool pipelining;
	uint32_t banner_ms, final_ms; /* these replies come so much later */
};

struct peer_conn {
	struct peer *peer;
	pthread_t thread;
	int fd;
	size_t number;
	bool tls_up;
	char said[PEER_LOG_BYTES]; /* commands and bodies, as they came in, decrypted */
	size_t said_len;
};

struct peer {
	const char *address;
	uint16_t port;
	int listener;
	pthread_t thread;
	struct peer_rules rules[PEER_RULES_MAX];
	size_t rules_count; /* the last of them is for all later connections; 0: the default */
	pthread_mutex_t lock;
	struct peer_conn conns[PEER_CONNS_MAX];
	_Atomic size_t conns_count;
	_Atomic uint32_t mails, taken, quits, handshakes, resumed;
	_Atomic bool ending;
};

void peer_init(struct peer *peer, const char *address);
void peer_init_at(struct peer *peer, const char *address, uint16_t port);
void peer_deinit(struct peer *peer);
/* True if that connection heard these words. */
bool peer_said(struct peer *peer, size_t number, const char *words);
/* SHA-256 of the key of the certificate that every peer shows: a self-signed one, of P-256. */
const uint8_t *peer_key_digest(void);
/* A listener whose backlog is full, so that no SYN is answered; it and the fillers are the caller's to close. */
int peer_silent(const char *address, uint16_t port, int fillers[static PEER_FILLERS]);
/* An address where nobody listens: the port of a listener that was closed. */
uint16_t peer_refusing_port(const char *address);

#endif
