#include "engine/mail/notification.h"
#include <stdio.h>
#include "engine/base/limits.h"
#include "engine/base/time_text.h"
#include "engine/mail/transfer_encoding.h"
#include "engine/mail/xtext.h"

enum {
	/* Where fields and lines for people are folded, and where a word without a space is cut. */
	FOLD_BYTES = 76,
	LINE_BYTES_MAX = 500,
	/* What one recipient takes at most: ORCPT and address each escaped, a reply with every octet as
	 * \xNN and folded, a reason likewise twice, dates and names. */
	RCPT_BYTES_MAX = 8 * (ENVELOPE_ORCPT_MAX + 2 * ADDRESS_BYTES_MAX) + 1024,
	/* Fields and sentences of ours, names and addresses in them. */
	FRAME_BYTES_MAX = 8192,
};

struct writer {
	struct buf *out;
	const struct notification *n;
	bool is_utf8; /* RFC 6533: addresses as they are, in message/global-delivery-status */
};

bool notification_is_wanted(const struct envelope *envelope, const struct envelope_rcpt *rcpt,
	enum notification_action action)
{
	struct envelope_notify notify = rcpt->notify;
	if (envelope->sender.text.len == 0 || notify.never)
		return false;
	bool given = envelope_notify_given(notify);
	switch (action) {
	case NOTIFICATION_FAILED: return !given || notify.failure;
	case NOTIFICATION_DELAYED: return !given || notify.delay;
	case NOTIFICATION_RELAYED: return notify.success;
	}
	UNREACHABLE("a fourth action");
}

/* ---- texts from elsewhere ---- */

/* One line of printable ASCII: what is not, as \xNN; a backslash stays, since it is for people. Several
 * spaces become one. Folded at spaces, and where a word is too long for any line. `column`: where the line
 * is. */
static void put_safe(struct buf *out, struct text text, size_t column)
{
	bool after_space = true;
	text = text_trim(text);
	for (size_t i = 0; i < text.len; i++) {
		uint8_t octet = (uint8_t)text.data[i];
		bool printable = octet >= 0x20 && octet < 0x7f, is_space = octet == ' ';
		if (is_space && after_space)
			continue;
		if (column >= (is_space ? FOLD_BYTES : LINE_BYTES_MAX)) {
			buf_put_cstr(out, is_space ? "\r\n" : "\r\n ");
			column = 0;
		}
		if (printable) {
			buf_put_u8(out, octet);
		} else {
			buf_put_cstr(out, "\\x");
			buf_put_hex(out, &octet, 1);
		}
		column += printable ? 1 : 4;
		after_space = is_space;
	}
}

static void put_safe_field(struct buf *out, const char *name, struct text value)
{
	buf_put_cstr(out, name);
	put_safe(out, value, strlen(name));
	buf_put_cstr(out, "\r\n");
}

static void put_time_field(struct buf *out, const char *name, int64_t unix_s)
{
	if (unix_s == 0)
		return;
	buf_put_cstr(out, name);
	time_text_put_rfc5322(out, unix_s);
	buf_put_cstr(out, "\r\n");
}

/* ---- what is wrong, for people ---- */

static const char *subject_of(enum notification_action action)
{
	switch (action) {
	case NOTIFICATION_FAILED: return "Undelivered mail returned to sender";
	case NOTIFICATION_DELAYED: return "Delayed mail (it is still being tried)";
	case NOTIFICATION_RELAYED: return "Mail was passed on";
	}
	UNREACHABLE("a fourth action");
}

static const char *sentence_of(enum notification_action action)
{
	switch (action) {
	case NOTIFICATION_FAILED:
		return "Your message could not be delivered to the recipients below. It will not "
		       "be\r\n"
		       "tried again.\r\n";
	case NOTIFICATION_DELAYED:
		return "Your message could not be delivered yet to the recipients below. It is "
		       "still\r\n"
		       "being tried; you need not send it again.\r\n";
	case NOTIFICATION_RELAYED:
		return "Your message was taken for the recipients below by a host that sends no\r\n"
		       "notifications of success. More will not be heard of it.\r\n";
	}
	UNREACHABLE("a fourth action");
}

/* An address in the form that the report has: escaped where it must be ASCII (RFC 6533 3). */
static void put_address(struct writer *w, struct text address)
{
	if (w->is_utf8)
		buf_put_text(w->out, address);
	else
		xtext_put_utf8_address(w->out, address);
}

static void put_text_part(struct writer *w)
{
	const struct notification *n = w->n;
	buf_printf(w->out,
		"Content-Type: text/plain; charset=%s\r\nContent-Transfer-Encoding: %s\r\n\r\n"
		"This is the mail system at %.*s.\r\n\r\n%s",
		w->is_utf8 ? "utf-8" : "us-ascii", w->is_utf8 ? "8bit" : "7bit",
		TEXT_ARG(n->reporting_mta), sentence_of(n->action));
	for (size_t i = 0; i < n->rcpts_count; i++) {
		const struct notification_rcpt *rcpt = &n->rcpts[i];
		buf_put_cstr(w->out, "\r\n<");
		put_address(w, rcpt->rcpt->address.text);
		buf_put_cstr(w->out, ">\r\n");
		if (rcpt->remote_mta.len > 0) {
			put_safe_field(w->out, "    host ", rcpt->remote_mta);
			if (rcpt->reply.len > 0)
				put_safe_field(w->out, "    said: ", rcpt->reply);
		}
		if (rcpt->reason.len > 0 && rcpt->reply.len == 0)
			put_safe_field(w->out, "    ", rcpt->reason);
	}
}

/* ---- the report (RFC 3464 2) ---- */

static const char *action_text(enum notification_action action)
{
	switch (action) {
	case NOTIFICATION_FAILED: return "failed";
	case NOTIFICATION_DELAYED: return "delayed";
	case NOTIFICATION_RELAYED: return "relayed";
	}
	UNREACHABLE("a fourth action");
}

static const char *status_of(enum notification_action action)
{
	switch (action) {
	case NOTIFICATION_FAILED: return "5.0.0";
	case NOTIFICATION_DELAYED: return "4.0.0";
	case NOTIFICATION_RELAYED: return "2.0.0";
	}
	UNREACHABLE("a fourth action");
}

/* RFC 3461 6.3: decoded; but what it decodes to may hold anything. */
static void put_xtext_field(struct buf *out, const char *name, struct text encoded)
{
	char memory[ENVELOPE_ORCPT_MAX];
	struct buf decoded;
	buf_init(&decoded, memory, sizeof memory);
	xtext_put_decoded(&decoded, encoded);
	put_safe_field(out, name, buf_text(&decoded));
}

/* RFC 3461 6.3 (c): as it was given, "rfc822;Ann@a.example". A UTF-8 one is ASCII already (EXT-DSN-05). */
static void put_original_recipient(struct buf *out, struct text orcpt)
{
	size_t semicolon = text_find(orcpt, ';');
	if (orcpt.len == 0 || semicolon == TEXT_NONE)
		return;
	struct text type = text_cut(orcpt, semicolon), address = text_skip(orcpt, semicolon + 1);
	char name[64];
	(void)snprintf(
		name, sizeof name, "Original-Recipient: %.*s; ", TEXT_ARG(text_cut(type, 30)));
	if (xtext_is_valid(address))
		put_xtext_field(out, name, address);
	else
		put_safe_field(out, name, address);
}

static void put_rcpt(struct writer *w, const struct notification_rcpt *rcpt)
{
	const struct envelope_address *address = &rcpt->rcpt->address;
	struct buf *out = w->out;
	buf_put_cstr(out, "\r\n");
	put_original_recipient(out, rcpt->rcpt->orcpt);
	buf_put_cstr(out,
		address->needs_smtputf8 ? "Final-Recipient: utf-8; " : "Final-Recipient: rfc822; ");
	put_address(w, address->text);
	buf_printf(out, "\r\nAction: %s\r\n", action_text(w->n->action));
	if (rcpt->status.len > 0)
		put_safe_field(out, "Status: ", rcpt->status);
	else
		buf_printf(out, "Status: %s\r\n", status_of(w->n->action));
	if (rcpt->remote_mta.len > 0)
		put_safe_field(out, "Remote-MTA: dns; ", rcpt->remote_mta);
	if (rcpt->reply.len > 0)
		put_safe_field(out, "Diagnostic-Code: smtp; ", rcpt->reply);
	else if (rcpt->reason.len > 0)
		put_safe_field(out, "Diagnostic-Code: x-longship; ", rcpt->reason);
	put_time_field(out, "Last-Attempt-Date: ", rcpt->last_attempt_unix_s);
	if (w->n->action == NOTIFICATION_DELAYED) /* DSN-06 */
		put_time_field(out, "Will-Retry-Until: ", rcpt->will_retry_until_unix_s);
}

static void put_report_part(struct writer *w)
{
	const struct notification *n = w->n;
	/* RFC 6533 4: the global form may hold UTF-8; the other is 7-bit (DSN-11). */
	buf_put_cstr(w->out, w->is_utf8 ? "Content-Type: message/global-delivery-status\r\n"
					  "Content-Transfer-Encoding: 8bit\r\n\r\n"
					: "Content-Type: message/delivery-status\r\n\r\n");
	put_safe_field(w->out, "Reporting-MTA: dns; ", n->reporting_mta);
	if (n->envelope->envid.len > 0)
		put_xtext_field(w->out, "Original-Envelope-Id: ", n->envelope->envid);
	put_time_field(w->out, "Arrival-Date: ", n->arrived_unix_s);
	for (size_t i = 0; i < n->rcpts_count; i++)
		put_rcpt(w, &n->rcpts[i]);
}

/* ---- what is given back (RFC 6522 3) ---- */

/* DSN-08, DSN-10, RTLS-07. A message/rfc822 may not be encoded (RFC 2046 5.2.1), so that 8-bit ones are
 * not given back whole. */
static bool gives_back_all(const struct notification *n)
{
	return n->action == NOTIFICATION_FAILED && n->envelope->ret == ENVELOPE_RET_FULL &&
	       !n->envelope->requiretls && !n->body_is_cut && !n->body->has_8bit &&
	       n->body->data_bytes <= NOTIFICATION_FULL_BYTES_MAX;
}

static struct text header_of(const struct body *body)
{
	struct text header = text_of_bytes(body->data, body->header_bytes);
	if (header.len <= NOTIFICATION_HEADER_BYTES_MAX)
		return header;
	size_t end = text_find_last(text_cut(header, NOTIFICATION_HEADER_BYTES_MAX), '\n');
	return text_cut(header, end == TEXT_NONE ? 0 : end + 1);
}

static void put_original_part(struct writer *w)
{
	const struct body *body = w->n->body;
	if (gives_back_all(w->n)) {
		buf_put_cstr(w->out, "Content-Type: message/rfc822\r\n\r\n");
		buf_put_text(w->out, text_of_bytes(body->data, body->data_bytes));
		return;
	}
	struct text header = header_of(body);
	/* RFC 6533 5: with UTF-8 in it, in an encoding that every host takes. */
	enum transfer_encoding encoding = transfer_encoding_of(header);
	buf_printf(w->out, "Content-Type: %s\r\nContent-Transfer-Encoding: %s\r\n\r\n",
		body->has_utf8_headers ? "message/global-headers" : "text/rfc822-headers",
		transfer_encoding_name(encoding));
	transfer_encoding_put(w->out, encoding, header);
}

/* ---- the message ---- */

static void put_boundary(struct writer *w, const char *before, const char *after)
{
	buf_put_cstr(w->out, before);
	buf_put_cstr(w->out, "=_longship_");
	buf_put_hex(w->out, w->n->unique, sizeof w->n->unique);
	buf_put_cstr(w->out, after);
}

static void put_head(struct writer *w)
{
	const struct notification *n = w->n;
	struct buf *out = w->out;
	/* RFC 3461 6.1, RFC 8689 5: what was to be protected is so on its way back, too. */
	buf_printf(out,
		"X-Sender: <>%s\r\nX-Receiver: <%.*s> NOTIFY=NEVER\r\nX-Longship-Class: "
		"transactional\r\n",
		n->envelope->requiretls ? " REQUIRETLS" : "", TEXT_ARG(n->envelope->sender.text));
	buf_printf(out, "From: Mail Delivery System <MAILER-DAEMON@%.*s>\r\nTo: <%.*s>\r\n",
		TEXT_ARG(n->reporting_mta), TEXT_ARG(n->envelope->sender.text));
	buf_printf(out, "Subject: %s\r\n", subject_of(n->action));
	buf_put_cstr(out, "Date: ");
	time_text_put_rfc5322(out, n->now_unix_s);
	buf_put_cstr(out, "\r\nMessage-ID: <");
	buf_put_hex(out, n->unique, sizeof n->unique);
	buf_printf(out,
		"@%.*s>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
		"Content-Type: multipart/report; report-type=delivery-status;\r\n",
		TEXT_ARG(n->reporting_mta));
	put_boundary(w, " boundary=\"", "\"\r\n");
	if (w->is_utf8)
		buf_put_cstr(out, "Content-Transfer-Encoding: 8bit\r\n");
}

size_t notification_bytes_max(const struct notification *n)
{
	size_t bytes = FRAME_BYTES_MAX + 8 * n->reporting_mta.len;
	for (size_t i = 0; i < n->rcpts_count; i++)
		bytes += RCPT_BYTES_MAX + 10 * (n->rcpts[i].reply.len + n->rcpts[i].reason.len) +
			 10 * (n->rcpts[i].remote_mta.len + n->rcpts[i].status.len);
	if (n->body == NULL)
		return bytes;
	if (gives_back_all(n))
		return bytes + n->body->data_bytes;
	struct text header = header_of(n->body);
	return bytes + transfer_encoding_bytes_max(TRANSFER_ENCODING_QUOTED_PRINTABLE, header);
}

void notification_put(struct buf *out, const struct notification *n)
{
	CHECK(n->envelope->sender.text.len > 0); /* DSN-02 */
	CHECK(n->rcpts_count >= 1 && n->rcpts_count <= NOTIFICATION_RCPTS_MAX);
	struct writer w = { .out = out, .n = n, .is_utf8 = n->envelope->sender.needs_smtputf8 };
	put_head(&w);
	put_boundary(&w, "\r\n--", "\r\n");
	put_text_part(&w);
	put_boundary(&w, "\r\n--", "\r\n");
	put_report_part(&w);
	if (n->body != NULL) {
		put_boundary(&w, "\r\n--", "\r\n");
		put_original_part(&w);
	}
	put_boundary(&w, "\r\n--", "--\r\n");
}
