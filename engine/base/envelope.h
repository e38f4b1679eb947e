/* The envelope of one message: sender, recipients, what the submitter asked for.
 *
 * Made by engine/spool out of a file and by nobody else; from then on immutable, so that every
 * thread may read it. One block of memory holds the struct, the recipients and all texts.
 * Reference counted: envelope_ref() and envelope_unref() may be called on any thread, and
 * every `struct text` in here lives as long as the envelope.
 *
 * Everything in here may be written into an SMTP command: no text holds CR, LF, NUL or another
 * control character (SMTP-24, SEC-19); the command writer checks it once more. */
#ifndef ENGINE_BASE_ENVELOPE_H
#define ENGINE_BASE_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/base/refcount.h"
#include "engine/base/text.h"

enum {
	ENVELOPE_ENVID_MAX = 100, /* RFC 3461 4.4, encoded (EXT-DSN-02) */
	ENVELOPE_ORCPT_MAX = 500, /* RFC 3461 4.2, encoded (EXT-DSN-02) */
	ENVELOPE_LABEL_MAX = 128, /* job, pool and id: names for people, shown in every event */
};

/* One mailbox, as it goes between < and >.
 * local@domain: the local part byte for byte as the submitter wrote it, quotes and case kept
 * (SMTP-22); the domain in lower case, as A-labels, without a final dot (MX-01), or an address
 * literal in one canonical spelling: [192.0.2.1] or [IPv6:2001:db8::1]. */
struct envelope_address {
	struct text text;    /* empty: the null sender; never so for a recipient */
	uint16_t domain_at;  /* where the domain starts in `text` */
	bool is_literal;     /* the domain is an address literal: no MX, no DANE, no MTA-STS */
	bool needs_smtputf8; /* the local part is not ASCII (the domain always is) */
};

/* NOTIFY=, RFC 3461 4.1. All false: not given. `never` stands alone (EXT-DSN-02). */
struct envelope_notify {
	bool never : 1, success : 1, failure : 1, delay : 1;
};

struct envelope_rcpt {
	struct envelope_address address;
	/* "type;xtext" as given (EXT-DSN-04), raw UTF-8 in it as \x{..}, which every server takes
	 * (EXT-DSN-05); empty: not given. */
	struct text orcpt;
	struct envelope_notify notify;
};

enum envelope_body_type {
	ENVELOPE_BODY_NONE, /* not given */
	ENVELOPE_BODY_7BIT,
	ENVELOPE_BODY_8BITMIME,
	ENVELOPE_BODY_BINARYMIME,
};

enum envelope_ret {
	ENVELOPE_RET_NONE, /* not given */
	ENVELOPE_RET_FULL,
	ENVELOPE_RET_HDRS,
};

enum envelope_class {
	ENVELOPE_CLASS_NONE, /* not given: the sender's default */
	ENVELOPE_CLASS_TRANSACTIONAL,
	ENVELOPE_CLASS_BULK,
};

struct envelope {
	struct refcount refs;
	size_t memory_bytes; /* the whole block; for the owner's accounts (--memory) */

	struct envelope_address sender; /* X-Sender-Override is already applied */
	uint32_t rcpts_count;           /* 1..MESSAGE_RCPTS_MAX, no address twice */
	const struct envelope_rcpt *rcpts;

	/* ESMTP parameters of MAIL FROM as the submitter gave them. */
	enum envelope_body_type body_type; /* a wish; what the content is stands in struct body */
	enum envelope_ret ret;
	struct text envid;   /* xtext, as it goes on the wire; empty: not given */
	bool wants_smtputf8; /* SMTPUTF8 was given; sent only if needed (EXT-U8-02) */
	bool requiretls;     /* RFC 8689 2 */
	/* The sender or a recipient has a local part that is not ASCII. Headers in raw UTF-8
	 * need the extension too: that is has_utf8_headers of struct body. */
	bool needs_smtputf8;

	/* What the submitter tells longship itself, none of it goes on the wire. */
	enum envelope_class class; /* X-Longship-Class */
	struct text job;           /* X-Longship-Job or x-job */
	struct text pool;          /* X-Longship-Pool or x-virtual-mta */
	struct text id;            /* X-Longship-Id; empty: not given */
	int64_t not_before_unix_s; /* X-Longship-Not-Before; 0: at once */
	int64_t expiry_unix_s;     /* X-Longship-Expiry; 0: the lifetime of its class */

	/* Exactly one "TLS-Required: No" is in the header (RFC 8689 3, RTLS-09), which stays
	 * there. Whether this submitter may say so is decided elsewhere (RTLS-11). */
	bool tls_required_no;

	size_t message_bytes; /* of the message on the wire: SIZE= (EXT-SIZE-01), and in events */
	size_t body_bytes;    /* what its body takes of --memory (body.h) */
};

/* Borrowed from the address, live as long as the envelope. */
static inline struct text envelope_domain(const struct envelope_address *address)
{
	return text_skip(address->text, address->domain_at);
}

static inline struct text envelope_local_part(const struct envelope_address *address)
{
	size_t at = address->domain_at > 0 ? 1 : 0; /* the null sender has no @ */
	return text_cut(address->text, address->domain_at - at);
}

static inline bool envelope_notify_given(struct envelope_notify notify)
{
	return notify.never || notify.success || notify.failure || notify.delay;
}

/* Copies a draft, whose texts and recipients may lie anywhere, into one block with one reference.
 * The draft's own references and memory_bytes are not looked at; needs at least one recipient.
 * NULL when malloc fails. */
MUST_USE struct envelope *envelope_create(const struct envelope *draft);

/* One more owner; returns the same envelope. */
struct envelope *envelope_ref(struct envelope *envelope);

/* One owner less; the last one frees the block. NULL is allowed. */
void envelope_unref(struct envelope *envelope);

#endif
