#include "engine/smtp/smtp_transaction.h"
#include <string.h>

static const struct {
	struct smtp_status status;
	const char *text;
} causes[SMTP_CAUSE_COUNT] = {
#define CAUSE(name, class, subject, detail, text)                                                  \
	[SMTP_CAUSE_##name] = { { class, subject, detail }, text },
#include "engine/smtp/smtp_causes.def"
#undef CAUSE
};

const char *smtp_cause_text(enum smtp_cause cause)
{
	CHECK((unsigned)cause < SMTP_CAUSE_COUNT);
	return causes[cause].text;
}

struct smtp_status smtp_cause_status(enum smtp_cause cause)
{
	CHECK((unsigned)cause < SMTP_CAUSE_COUNT);
	return causes[cause].status;
}

const char *smtp_verdict_name(enum smtp_verdict verdict)
{
	switch (verdict) {
	case SMTP_VERDICT_NONE: return "none";
	case SMTP_VERDICT_DELIVERED: return "delivered";
	case SMTP_VERDICT_TEMPORARY: return "temporary";
	case SMTP_VERDICT_PERMANENT: return "permanent";
	case SMTP_VERDICT_AGAIN: return "again";
	case SMTP_VERDICT_NOT_TRIED: return "not-tried";
	case SMTP_VERDICT_OTHER_HOST: return "other-host";
	}
	UNREACHABLE("all verdicts are listed");
}

/* A hundred recipients often get the same words: the newest text is compared, not a list. */
static void keep_text(
	struct smtp_transaction *transaction, struct smtp_rcpt_result *rcpt, struct text text)
{
	struct text newest = TEXT_EMPTY;
	if (transaction->texts_len > 0)
		newest = text_of_bytes(transaction->texts + transaction->last_text_at,
			transaction->texts_len - transaction->last_text_at);
	if (!text_equal(newest, text)) {
		text = text_cut_utf8(text, transaction->texts_size - transaction->texts_len);
		if (text.len == 0)
			return;
		memcpy(transaction->texts + transaction->texts_len, text.data, text.len);
		transaction->last_text_at = transaction->texts_len;
		transaction->texts_len += (uint32_t)text.len;
	}
	rcpt->text_at = transaction->last_text_at;
	rcpt->text_len = (uint16_t)text.len;
}

void smtp_transaction_decide_rcpt(struct smtp_transaction *transaction,
	struct smtp_rcpt_result *rcpt, enum smtp_verdict verdict, enum smtp_cause cause,
	enum smtp_step step, const struct smtp_reply *reply)
{
	CHECK(rcpt->verdict == SMTP_VERDICT_NONE);
	CHECK(verdict != SMTP_VERDICT_NONE && cause != SMTP_CAUSE_NONE);
	CHECK(cause != SMTP_CAUSE_REPLY || reply != NULL);
	rcpt->verdict = (uint8_t)verdict;
	rcpt->cause = (uint8_t)cause;
	rcpt->step = (uint8_t)step;
	rcpt->status = cause == SMTP_CAUSE_REPLY ? reply->status : smtp_cause_status(cause);
	if (reply != NULL) {
		rcpt->code = reply->code;
		keep_text(transaction, rcpt, reply->text);
	}
	if (verdict == SMTP_VERDICT_DELIVERED)
		transaction->delivered_count++;
}

void smtp_transaction_decide(struct smtp_transaction *transaction, enum smtp_verdict verdict,
	enum smtp_cause cause, enum smtp_step step, const struct smtp_reply *reply)
{
	for (uint32_t i = 0; i < transaction->rcpts_count; i++)
		if (transaction->rcpts[i].verdict == SMTP_VERDICT_NONE)
			smtp_transaction_decide_rcpt(
				transaction, &transaction->rcpts[i], verdict, cause, step, reply);
}
