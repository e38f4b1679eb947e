#include "engine/run/record_event.h"
#include "engine/base/event.h"

/* Texts that are made of numbers need memory for as long as the event is being formatted. */
struct number_texts {
	char ip[IP_ADDRESS_TEXT_SIZE], source[IP_ADDRESS_TEXT_SIZE];
	char session[24], status[SMTP_STATUS_TEXT_MAX];
};

enum event_kind record_event_kind(enum attempt_fate fate)
{
	switch (fate) {
	case ATTEMPT_DELIVERED:
		return EVENT_DELIVERED;
	case ATTEMPT_DEFERRED:
		return EVENT_DEFERRED;
	case ATTEMPT_BOUNCED:
		return EVENT_BOUNCED;
	case ATTEMPT_EXPIRED:
		return EVENT_EXPIRED;
	case ATTEMPT_WITHDRAWN:
		return EVENT_WITHDRAWN;
	case ATTEMPT_SUPPRESSED:
		return EVENT_SUPPRESSED;
	case ATTEMPT_REJECTED:
		return EVENT_REJECTED_INPUT;
	case ATTEMPT_OPEN:
		break;
	}
	UNREACHABLE("an attempt without a fate was recorded");
}

static struct text address_text(const struct ip_address *address, char memory[IP_ADDRESS_TEXT_SIZE])
{
	if (address->family == IP_FAMILY_NONE)
		return TEXT_EMPTY;
	return text_of(ip_address_text(address, memory));
}

static struct text session_text(uint64_t session, char memory[24])
{
	if (session == 0)
		return TEXT_EMPTY;
	struct buf buf;
	buf_init(&buf, memory, 24);
	buf_put_number(&buf, session);
	return buf_text(&buf);
}

static struct text class_text(const struct envelope *envelope)
{
	return envelope->class == ENVELOPE_CLASS_TRANSACTIONAL ? TEXT("transactional") : TEXT("bulk");
}

/* Where and how the last answer was heard. */
static void put_facts(struct event *event, const struct attempt_facts *facts, struct number_texts *texts)
{
	if (facts->session == 0)
		return;
	event->mx = text_of(facts->mx);
	event->ip = address_text(&facts->ip, texts->ip);
	event->source = address_text(&facts->source, texts->source);
	event->helo = text_of(facts->helo);
	event->session = session_text(facts->session, texts->session);
	event->tls = text_of(facts->tls);
	event->channel = facts->authenticated ? TEXT("authenticated") : TEXT("unauthenticated");
	event->security = security_level_text(facts->security);
	event->policy = security_need_text(facts->need);
}

void record_event_rcpt(const struct attempt *attempt, const struct attempt_rcpt *rcpt, uint64_t seq,
	int64_t wall_us, struct buf *out)
{
	const struct message *message = attempt->message;
	const struct envelope *envelope = message->envelope;
	const struct envelope_rcpt *address = &envelope->rcpts[rcpt->rcpt];
	struct number_texts texts;
	struct event event = {
		.event = record_event_kind(rcpt->fate),
		.seq = seq,
		.time = wall_us,
		.file = message_file(message),
		.id = envelope->id,
		.job = envelope->job,
		.class = class_text(envelope),
		.from = envelope->sender.text,
		.rcpt = address->address.text,
		.domain = envelope_domain(&address->address),
		.status = text_of(smtp_status_format(rcpt->status, texts.status)),
		.bounce_class = bounce_class_text(rcpt->bounce_class),
		.size = envelope->message_bytes,
		.attempt = attempt->number,
	};
	char reply[SMTP_REPLY_TEXT_BYTES_MAX + 8];
	struct buf reply_buf;
	buf_init(&reply_buf, reply, sizeof reply);
	if (attempt->work != NULL) {
		put_facts(&event, &attempt->work->facts[rcpt->facts], &texts);
		event.reason = buf_text(&attempt->work->reason);
		if (rcpt->code != 0) {
			buf_put_number(&reply_buf, rcpt->code);
			buf_put_u8(&reply_buf, ' ');
			buf_put_text(&reply_buf, text_cut_utf8(attempt_reply_text(attempt, rcpt),
							 SMTP_REPLY_TEXT_BYTES_MAX));
		}
		event.reply = buf_text(&reply_buf);
	}
	event_format_line(&event, out);
}

void record_event_rejected(const struct message *message, uint64_t seq, int64_t wall_us, struct buf *out)
{
	const struct event event = {
		.event = EVENT_REJECTED_INPUT,
		.seq = seq,
		.time = wall_us,
		.file = message_file(message),
		.status = TEXT("5.6.0"),
		.bounce_class = bounce_class_text(BOUNCE_CLASS_INPUT),
		.size = message->identity.bytes,
		.reason = text_of(message->reason),
	};
	event_format_line(&event, out);
}

void record_event_refused(const struct message *message, const struct split_refused *refused, uint64_t seq,
	int64_t wall_us, struct buf *out)
{
	const struct event event = {
		.event = EVENT_REJECTED_INPUT,
		.seq = seq,
		.time = wall_us,
		.file = text_of(message->name),
		.from = refused->from,
		.rcpt = refused->rcpt,
		.status = text_is_empty(refused->rcpt) ? TEXT("5.6.0") : TEXT("5.1.3"),
		.bounce_class = bounce_class_text(BOUNCE_CLASS_INPUT),
		.size = message->identity.bytes,
		.reason = refused->reason,
	};
	event_format_line(&event, out);
}

void record_event_session(const struct session_report *report, uint64_t seq, struct buf *out)
{
	struct number_texts texts;
	char reply[sizeof report->reply + 8] = "";
	if (report->code != 0)
		snprintf(reply, sizeof reply, "%u %s", report->code, report->reply);
	bool authenticated = report->security != SECURITY_CLEARTEXT && report->security != SECURITY_ENCRYPTED;
	const struct event event = {
		.event = EVENT_SESSION,
		.seq = seq,
		.time = report->wall_us,
		.domain = text_of(report->route->domain),
		.mx = text_of(report->host->name),
		.ip = address_text(&report->ip, texts.ip),
		.source = address_text(&report->source, texts.source),
		.helo = text_of(report->helo),
		.session = session_text(report->session, texts.session),
		.reply = text_of(reply),
		.tls = text_of(report->tls),
		.channel = authenticated ? TEXT("authenticated") : TEXT("unauthenticated"),
		.security = security_level_text(report->security),
		.policy = security_need_text(report->need),
		.reason = text_of(report->reason),
		.result = tls_result_text(report->result),
	};
	event_format_line(&event, out);
}

void record_event_site(const struct site_report *report, uint64_t seq, struct buf *out)
{
	const struct event event = {
		.event = EVENT_SITE_CHANGED,
		.seq = seq,
		.time = report->wall_us,
		.mx = text_of(report->provider),
		.source = text_of(report->source),
		.reason = text_of(report->reason),
	};
	event_format_line(&event, out);
}

void record_event_policy(const struct policy_report *report, uint64_t seq, struct buf *out)
{
	char reason[sizeof report->before + sizeof report->now + sizeof report->reason + 32];
	snprintf(reason, sizeof reason, "%s before, %s now: %s", report->before, report->now, report->reason);
	const struct event event = {
		.event = EVENT_POLICY_CHANGED,
		.seq = seq,
		.time = report->wall_us,
		.domain = text_of(report->domain),
		.mx = text_of(report->host),
		.policy = text_of(report->now),
		.reason = text_of(reason),
	};
	event_format_line(&event, out);
}
