/* Called when the process dies: reads what may be half written, so no table is indexed unchecked. */
#include "engine/base/check.h"
#include "engine/smtp/smtp_session.h"

static void report_step(unsigned step)
{
	if (step < SMTP_STEP_COUNT)
		check_report_text(smtp_step_name((enum smtp_step)step));
	else
		check_report_number(step);
}

static void report_transaction(const char *name, const struct smtp_transaction *transaction)
{
	if (transaction == NULL)
		return;
	check_report_text(name);
	check_report_number(transaction->rcpts_answered);
	check_report_text("/");
	check_report_number(transaction->rcpts_sent);
	check_report_text("/");
	check_report_number(transaction->rcpts_count);
	if (transaction->failed)
		check_report_text(" failed");
	if (transaction->body_sent)
		check_report_text(" body-sent");
}

void smtp_session_report(const struct smtp_session *session)
{
	check_report_text("step ");
	report_step(session->step);
	check_report_text(session->tls_active ? " tls" : " clear");
	check_report_text(" end ");
	if (session->end < SMTP_END_COUNT)
		check_report_text(smtp_end_name((enum smtp_end)session->end));
	check_report_text(" awaits");
	for (unsigned i = 0; i < session->awaited_count && i < SMTP_AWAITED_MAX; i++) {
		const struct smtp_awaited *awaited =
			&session->awaited[(session->awaited_first + i) % SMTP_AWAITED_MAX];
		check_report_text(" ");
		report_step(awaited->step);
		check_report_text("*");
		check_report_number(awaited->count);
	}
	report_transaction(" answered ", session->answered);
	if (session->sending != session->answered)
		report_transaction(" sending ", session->sending);
	check_report_text(" mails ");
	check_report_number(session->mails_count);
	check_report_text("\n");
}
