/* How the sink behaves at one listening address: what it offers, its limits, the rules that may strike
 * there. Made from the rules at start, read-only afterwards but for `sessions`. */
#ifndef BENCH_SINK_SITE_H
#define BENCH_SINK_SITE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "bench/sink_rules.h"

enum sink_keyword {
#define KEYWORD(name, text, plain, tls) SINK_KEYWORD_##name,
#include "bench/sink_keywords.def"
#undef KEYWORD
	SINK_KEYWORD_COUNT
};

enum {
	SINK_NAME_MAX = 255,     /* a domain name */
	SINK_EHLO_MAX = 2048,    /* all keywords are 200; the rest is for added lines */
	/* RFC 5321 4.5.3.1.8 asks for 100 at least; 1,000 is what Postfix takes. */
	SINK_RCPTS_MAX = 1000,
	SINK_SITE_SIZE_DEFAULT = 157286400, /* what Gmail and Outlook offer (MEASURED 7) */
};

struct sink_offer {
	bool keywords[SINK_KEYWORD_COUNT];
	char reply[SINK_EHLO_MAX]; /* to EHLO, lines between CRLF, no CRLF at its end */
	uint32_t reply_len;
};

struct sink_site {
	struct ip_address address;
	uint16_t port;
	struct sink_rules *rules;             /* borrowed */
	uint16_t active[SINK_RULES_MAX];      /* indexes of faults and bugs for this listener */
	uint32_t active_count;
	bool rcpt_rules;                      /* recipients may bring bugs along (bug.NAME@) */
	char name[SINK_NAME_MAX + 1];
	struct sink_offer plain, tls;
	uint64_t size_max;
	uint32_t rcpts_max, rcpts_code;
	uint32_t mail_max, close_after;       /* 0: none */
	uint32_t limit_mail, limit_rcpt, limit_domain;
	uint32_t sessions_max;
	uint32_t idle_ms;                     /* 0: the server's own time limit only */
	bool idle_says_421;
	_Atomic uint32_t sessions;            /* open now, of all workers */
};

struct sink_site_config {
	const char *name;     /* of greeting and EHLO */
	bool has_tls;         /* a certificate is there: STARTTLS can be offered */
	bool rcpt_rules;
	uint64_t size_max;
	uint32_t rcpts_max;
};

/* RESULT_INVALID: an unknown keyword, or more lines in EHLO than it has room for. */
MUST_USE enum result sink_site_init(struct sink_site *site, const struct ip_address *address,
	uint16_t port, const struct sink_site_config *config, struct sink_rules *rules,
	struct fail *fail);

/* The argument of a setting that is on at this address (of the last one, if several are), or NULL. */
const char *sink_site_setting(const struct sink_site *site, enum sink_deed setting);

#endif
