#include "engine/smtp/smtp_command.h"

/* RFC 5321 4.1.2: an atom of a command argument is printable and has no space. Addresses alone may
 * have one, inside the quotes of a local part. */
static bool is_argument(struct text text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] <= ' ' || text.data[i] > '~')
			return false;
	return true;
}

/* What stands between < and >. A "<" or ">" is legal only inside quotes, and a backslash there
 * takes the octet after it along: anything else could end the path early and start a parameter. */
static bool is_address(struct text address, bool smtputf8)
{
	bool quoted = false;
	for (size_t i = 0; i < address.len; i++) {
		uint8_t c = (uint8_t)address.data[i];
		if (c < ' ' || c == 0x7f || (c > 0x7f && !smtputf8))
			return false;
		if (c == '"')
			quoted = !quoted;
		else if (quoted && c == '\\') {
			/* RFC 5321 4.1.2: quoted-pairSMTP is of printable ASCII. */
			if (++i == address.len || address.data[i] < ' ' || address.data[i] > '~')
				return false;
		} else if (!quoted && (c == ' ' || c == '<' || c == '>' || c == '\\'))
			return false;
	}
	return !quoted && (!smtputf8 || text_is_utf8(address));
}

/* "<address>"; RFC 5321 3.3: no source route in front (SMTP-23). */
static enum result put_path(struct buf *buf, struct text address, bool smtputf8)
{
	if (!is_address(address, smtputf8))
		return RESULT_INVALID;
	if (address.len + 2 > SMTP_PATH_BYTES_MAX)
		return RESULT_TOO_LONG;
	buf_put_u8(buf, '<');
	buf_put_text(buf, address);
	buf_put_u8(buf, '>');
	return RESULT_OK;
}

/* Ends a command, or takes back what was written of it. */
static enum result end_command(struct buf *buf, size_t start, enum result result)
{
	if (result == RESULT_OK) {
		buf_put_text(buf, TEXT("\r\n"));
		if (!buf->overflow)
			return RESULT_OK;
		result = RESULT_TOO_LONG;
	}
	buf_truncate(buf, start);
	return result;
}

enum result smtp_command_verb(struct buf *buf, const char *verb)
{
	size_t start = buf->len;
	buf_put_cstr(buf, verb);
	return end_command(buf, start, RESULT_OK);
}

enum result smtp_command_hello(struct buf *buf, const char *verb, struct text helo)
{
	size_t start = buf->len;
	if (helo.len == 0 || !is_argument(helo))
		return RESULT_INVALID;
	if (helo.len > DOMAIN_BYTES_MAX)
		return RESULT_TOO_LONG;
	buf_put_cstr(buf, verb);
	buf_put_u8(buf, ' ');
	buf_put_text(buf, helo);
	return end_command(buf, start, RESULT_OK);
}

/* RFC 3461 4.3, 4.4. */
static enum result put_mail_dsn(struct buf *buf, const struct envelope *envelope)
{
	switch (envelope->ret) {
	case ENVELOPE_RET_NONE: break;
	case ENVELOPE_RET_FULL: buf_put_text(buf, TEXT(" RET=FULL")); break;
	case ENVELOPE_RET_HDRS: buf_put_text(buf, TEXT(" RET=HDRS")); break;
	}
	if (envelope->envid.len == 0)
		return RESULT_OK;
	if (!is_argument(envelope->envid))
		return RESULT_INVALID;
	if (envelope->envid.len > ENVELOPE_ENVID_MAX)
		return RESULT_TOO_LONG;
	buf_put_text(buf, TEXT(" ENVID="));
	buf_put_text(buf, envelope->envid);
	return RESULT_OK;
}

static void put_mail_params(struct buf *buf, const struct smtp_mail_params *params)
{
	if (params->size) {
		buf_put_text(buf, TEXT(" SIZE="));
		buf_put_number(buf, params->size_bytes);
	}
	switch (params->body_type) {
	case SMTP_BODY_UNSAID: break;
	case SMTP_BODY_8BITMIME: buf_put_text(buf, TEXT(" BODY=8BITMIME")); break;
	case SMTP_BODY_BINARYMIME: buf_put_text(buf, TEXT(" BODY=BINARYMIME")); break;
	}
	if (params->smtputf8)
		buf_put_text(buf, TEXT(" SMTPUTF8"));
	if (params->requiretls)
		buf_put_text(buf, TEXT(" REQUIRETLS"));
}

enum result smtp_command_mail(
	struct buf *buf, const struct envelope *envelope, const struct smtp_mail_params *params)
{
	size_t start = buf->len;
	/* RFC 5321 3.3: upper case, and no space around the colon (SMTP-21). */
	buf_put_text(buf, TEXT("MAIL FROM:"));
	enum result result = put_path(buf, envelope->sender.text, params->smtputf8);
	put_mail_params(buf, params);
	if (result == RESULT_OK && params->dsn)
		result = put_mail_dsn(buf, envelope);
	return end_command(buf, start, result);
}

/* RFC 3461 4.1, 4.2. */
static enum result put_rcpt_dsn(struct buf *buf, const struct envelope_rcpt *rcpt)
{
	struct envelope_notify notify = rcpt->notify;
	if (envelope_notify_given(notify)) {
		const struct {
			bool given;
			struct text word;
		} words[] = {
			{ notify.success && !notify.never, TEXT("SUCCESS") },
			{ notify.failure && !notify.never, TEXT("FAILURE") },
			{ notify.delay && !notify.never, TEXT("DELAY") },
			{ notify.never, TEXT("NEVER") }, /* stands alone (EXT-DSN-02) */
		};
		const char *separator = " NOTIFY=";
		for (size_t i = 0; i < COUNT_OF(words); i++) {
			if (!words[i].given)
				continue;
			buf_put_cstr(buf, separator);
			buf_put_text(buf, words[i].word);
			separator = ",";
		}
	}
	if (rcpt->orcpt.len == 0)
		return RESULT_OK;
	if (!is_argument(rcpt->orcpt))
		return RESULT_INVALID;
	if (rcpt->orcpt.len > ENVELOPE_ORCPT_MAX)
		return RESULT_TOO_LONG;
	buf_put_text(buf, TEXT(" ORCPT="));
	buf_put_text(buf, rcpt->orcpt);
	return RESULT_OK;
}

enum result smtp_command_rcpt(
	struct buf *buf, const struct envelope_rcpt *rcpt, const struct smtp_rcpt_params *params)
{
	size_t start = buf->len;
	if (rcpt->address.text.len == 0)
		return RESULT_INVALID;
	buf_put_text(buf, TEXT("RCPT TO:"));
	enum result result = put_path(buf, rcpt->address.text, params->smtputf8);
	if (result == RESULT_OK && params->dsn)
		result = put_rcpt_dsn(buf, rcpt);
	return end_command(buf, start, result);
}

enum result smtp_command_bdat(struct buf *buf, uint64_t chunk_bytes, bool last)
{
	size_t start = buf->len;
	buf_put_text(buf, TEXT("BDAT "));
	buf_put_number(buf, chunk_bytes);
	if (last)
		buf_put_text(buf, TEXT(" LAST"));
	return end_command(buf, start, RESULT_OK);
}
