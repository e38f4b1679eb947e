#include "tests/unit/engine/smtp/smtp_fixture.h"
#include "engine/smtp/smtp_reply_class.h"

static struct smtp_reply reply_of(unsigned code, const char *text)
{
	return (struct smtp_reply){ .code = (uint16_t)code, .text = text_of(text) };
}

/* Answers as receivers give them. */
static const struct {
	enum smtp_step step;
	unsigned code;
	const char *text;
	enum bounce_class expected;
} rows[] = {
#define ROW(step, code, text, class) { SMTP_STEP_##step, code, text, BOUNCE_CLASS_##class },
	/* clang-format off */
	/* Google */
	ROW(RCPT, 550, "5.1.1 The email account that you tried to reach does not exist. "
		"Please try double-checking the recipient's email address for typos or "
		"unnecessary spaces. For more information, go to "
		"https://support.google.com/mail/?p=NoSuchUser - gsmtp", MAILBOX)
	ROW(RCPT, 550, "5.2.1 The email account that you tried to reach is disabled. "
		"For more information, go to "
		"https://support.google.com/mail/?p=DisabledUser - gsmtp", MAILBOX)
	ROW(RCPT, 550, "5.2.1 The email account that you tried to reach is inactive. - "
		"gsmtp", MAILBOX)
	ROW(RCPT, 452, "4.2.2 The recipient's inbox is out of storage space. - gsmtp", QUOTA)
	ROW(RCPT, 552, "5.2.2 The email account that you tried to reach is over quota. "
		"- gsmtp", QUOTA)
	ROW(RCPT, 450, "4.2.1 The user you are trying to contact is receiving mail too "
		"quickly. Please resend your message at a later time. - gsmtp", RATE)
	ROW(RCPT, 450, "4.2.1 The user you are trying to contact is receiving mail at a "
		"rate that prevents additional messages from being delivered. - gsmtp", RATE)
	ROW(BODY, 421, "4.7.28 Gmail has detected an unusual rate of unsolicited mail "
		"originating from your IP address. To protect our users from spam, "
		"mail has been temporarily rate limited.", RATE)
	ROW(BODY, 550, "5.7.26 This mail has been blocked because the sender is "
		"unauthenticated. Gmail requires all senders to authenticate with "
		"either SPF or DKIM.", AUTH)
	ROW(BODY, 550, "5.7.26 Unauthenticated email from y.example is not accepted due "
		"to domain's DMARC policy.", AUTH)
	ROW(BODY, 550, "5.7.25 The IP address sending this message does not have a PTR "
		"record setup", AUTH)
	ROW(BODY, 550, "5.7.1 [192.0.2.1] Gmail has detected that this message is "
		"likely unsolicited mail. To reduce the amount of spam sent to Gmail, "
		"this message has been blocked.", SPAM)
	ROW(BODY, 421, "4.7.0 [192.0.2.1] Gmail has detected that this message is "
		"suspicious due to the very low reputation of the sending domain.", BLOCK)
	ROW(BODY, 552, "5.7.0 This message was blocked because its content presents a "
		"potential security issue. Please visit the guidelines for message "
		"content and attachment content.", CONTENT)
	ROW(BODY, 552, "5.3.4 Your message exceeded Google's message size limits.", SIZE)
	ROW(MAIL, 530, "5.7.0 Must issue a STARTTLS command first. - gsmtp", TLS)
	ROW(MAIL, 421, "4.3.0 Temporary System Problem. Try again later - gsmtp", RECEIVER)
	ROW(BODY, 550, "5.7.1 This message does not have the required RFC 5322 headers", CONTENT)
	/* Microsoft */
	ROW(MAIL, 550, "5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. "
		"Please contact your Internet service provider since part of their "
		"network is on our block list (S3150).", BLOCK)
	ROW(MAIL, 451, "4.7.650 The mail server [192.0.2.1] has been temporarily rate "
		"limited due to IP reputation. For e-mail delivery information see "
		"https://postmaster.live.com (S775)", RATE)
	ROW(MAIL, 550, "OU-002 (BAY004) Unfortunately, messages from 192.0.2.1 weren't "
		"sent.", BLOCK)
	ROW(MAIL, 421, "RP-001 (BAY004) Unfortunately, some messages from 192.0.2.1 "
		"weren't sent.", RATE)
	ROW(MAIL, 550, "SC-001 (BAY004) Unfortunately, messages from 192.0.2.1 weren't "
		"sent.", BLOCK)
	ROW(RCPT, 550, "5.4.1 Recipient address rejected: Access denied. "
		"[X.protection.outlook.com]", MAILBOX)
	ROW(RCPT, 550, "5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by "
		"SMTP address lookup", MAILBOX)
	ROW(RCPT, 550, "5.5.0 Requested action not taken: mailbox unavailable "
		"(S2017062302).", MAILBOX)
	ROW(MAIL, 550, "5.7.511 Access denied, banned sender[192.0.2.1].", BLOCK)
	ROW(MAIL, 550, "5.7.606 Access denied, banned sending IP [192.0.2.1].", BLOCK)
	ROW(BODY, 550, "5.7.509 Access denied, sending domain y.example does not pass "
		"DMARC verification", AUTH)
	ROW(BODY, 550, "5.7.515 Access denied, sending domain y.example doesn't meet "
		"the required authentication level.", AUTH)
	ROW(RCPT, 451, "4.7.500 Server busy. Please try again later from [192.0.2.1].", RECEIVER)
	ROW(RCPT, 550, "5.7.708 Service unavailable. Access denied, traffic not "
		"accepted from this IP.", POLICY)
	ROW(BODY, 554, "5.2.2 mailbox full; "
		"STOREDRV.Deliver.Exception:QuotaExceededException", QUOTA)
	/* Yahoo */
	ROW(MAIL, 421, "4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due "
		"to unexpected volume or user complaints - 4.16.55.1; see "
		"https://postmaster.yahooinc.com/error-codes", RATE)
	ROW(MAIL, 421, "4.7.1 [TS03] All messages from 192.0.2.1 will be permanently "
		"deferred", BLOCK)
	ROW(GREETING, 553, "5.7.1 [BL21] Connections will not be accepted from "
		"192.0.2.1, because the ip is in Spamhaus's list", BLOCK)
	ROW(BODY, 554, "5.7.9 Message not accepted for policy reasons. See "
		"https://postmaster.yahooinc.com", POLICY)
	ROW(BODY, 554, "5.0.0 Message not allowed - [PH01] Email not accepted for "
		"policy reasons.", BLOCK)
	ROW(BODY, 554, "30 Sorry, your message to a@yahoo.example cannot be delivered. "
		"This mailbox is disabled (554.30).", MAILBOX)
	ROW(BODY, 554, "delivery error: dd This user doesn't have a yahoo.com account "
		"(a@yahoo.example)", MAILBOX)
	ROW(RCPT, 552, "1 Requested mail action aborted, mailbox not found", MAILBOX)
	/* GMX and web.de, T-Online, Apple, Comcast, mail.ru, Orange */
	ROW(GREETING, 554, "gmx.net (mxgmx016) Nemesis ESMTP Service not available No "
		"SMTP service Bad DNS PTR resource record.", AUTH)
	ROW(GREETING, 554, "gmx.net (mxgmx016) Nemesis ESMTP Service not available No "
		"SMTP service IP address is black listed.", BLOCK)
	ROW(GREETING, 554, "IP=192.0.2.1 - A problem occurred. (Ask your postmaster for "
		"help or to contact tosa@rx.t-online.de to clarify.) (BL)", BLOCK)
	ROW(BODY, 550, "5.7.1 [CS01] Message rejected due to local policy.", POLICY)
	ROW(GREETING, 554, "imta24.westchester.pa.mail.comcast.net comcast 192.0.2.1 "
		"found on one or more DNSBLs, see http://postmaster.comcast.net", BLOCK)
	ROW(BODY, 550, "spam message rejected. Please visit http://help.mail.ru", SPAM)
	ROW(GREETING, 421, "mwinf5c04 ME Trop de connexions, veuillez verifier votre "
		"configuration. Too many connections, slow down. OFR004_104", RATE)
	ROW(BODY, 554, "5.7.1 Message rejected under suspicion of SPAM", SPAM)
	/* lists and gateways */
	ROW(RCPT, 554, "5.7.1 Service unavailable; Client host [192.0.2.1] blocked "
		"using zen.spamhaus.org; https://www.spamhaus.org/query/ip/192.0.2.1", BLOCK)
	ROW(BODY, 554, "5.7.1 Service unavailable; Sender address [s@y.example] blocked "
		"using dbl.spamhaus.org", SPAM)
	ROW(BODY, 550, "This message contains a URL listed by URIBL", SPAM)
	ROW(RCPT, 550, "5.7.1 Mailbox unavailable. Your IP address 192.0.2.1 is "
		"blacklisted using SPAMHAUS-XBL.", BLOCK)
	ROW(RCPT, 554, "Service unavailable; Client host [192.0.2.1] blocked using "
		"Barracuda Reputation; http://www.barracudanetworks.com/reputation/", BLOCK)
	ROW(RCPT, 550, "5.7.0 Blocked - see https://ipcheck.proofpoint.com/?ip=192.0.2.1", BLOCK)
	ROW(GREETING, 554, "Your access to this mail system has been rejected due to "
		"the sending MTA's poor reputation.", BLOCK)
	ROW(RCPT, 550, "#5.1.0 Address rejected.", OTHER)
	ROW(RCPT, 550, "5.1.0 Address rejected.", MAILBOX)
	ROW(RCPT, 450, "4.7.1 Client host rejected: cannot find your hostname, [192.0.2.1]", AUTH)
	ROW(RCPT, 450, "4.7.25 Client host rejected: cannot find your reverse hostname, "
		"[192.0.2.1]", AUTH)
	ROW(MAIL, 550, "we have banned this IP", BLOCK)
	/* greylisting */
	ROW(RCPT, 450, "4.2.0 <a@x.example>: Recipient address rejected: Greylisted, "
		"see http://postgrey.schweikert.ch/help/x.example.html", GREYLIST)
	ROW(RCPT, 451, "Greylisting in action, please come back later", GREYLIST)
	ROW(RCPT, 451, "4.7.1 Please try again in 300 seconds", GREYLIST)
	ROW(RCPT, 450, "You have been graylisted", GREYLIST)
	ROW(RCPT, 451, "4.7.1 Service unavailable; Client host [192.0.2.1] blocked "
		"using grey.rbl - Greylisting in action, please try again later", GREYLIST)
	/* Postfix, Exim, qmail, Sendmail, courier */
	ROW(RCPT, 550, "5.1.1 <a@x.example>: Recipient address rejected: User unknown "
		"in virtual mailbox table", MAILBOX)
	ROW(RCPT, 450, "4.1.1 <a@x.example>: Recipient address rejected: User unknown "
		"in local recipient table", MAILBOX)
	ROW(RCPT, 550, "Unrouteable address", MAILBOX)
	ROW(RCPT, 550, "Sender verify failed", POLICY)
	ROW(RCPT, 550, "Administrative prohibition", POLICY)
	ROW(RCPT, 550, "relay not permitted", POLICY)
	ROW(RCPT, 554, "5.7.1 <a@x.example>: Relay access denied", POLICY)
	ROW(RCPT, 553, "sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", OTHER)
	ROW(RCPT, 550, "sorry, no mailbox here by that name. (#5.7.17)", MAILBOX)
	ROW(MAIL, 553, "5.1.8 <s@y.example>... Domain of sender address s@y.example "
		"does not exist", POLICY)
	ROW(MAIL, 450, "4.1.8 <s@y.example>: Sender address rejected: Domain not found", POLICY)
	ROW(RCPT, 452, "4.3.1 Insufficient system storage", RECEIVER)
	ROW(RCPT, 452, "4.5.3 Error: too many recipients", PROTOCOL)
	ROW(BODY, 554, "5.4.0 Error: too many hops", RECEIVER)
	ROW(BODY, 554, "5.4.14 Hop count exceeded - possible mail loop", RECEIVER)
	ROW(BODY, 550, "5.6.0 Error: Bare LF received", CONTENT)
	ROW(BODY, 552, "5.3.4 Message size exceeds fixed limit", SIZE)
	ROW(RCPT, 550, "5.7.1 <a@x.example>: Recipient address rejected: SPF fail - not "
		"authorized", AUTH)
	/* statuses alone */
	ROW(RCPT, 550, "5.1.1", MAILBOX)
	ROW(RCPT, 550, "5.1.2 x", DOMAIN)
	ROW(RCPT, 556, "5.1.10 x", DOMAIN)
	ROW(RCPT, 550, "5.2.1 x", MAILBOX)
	ROW(RCPT, 550, "5.2.2 x", QUOTA)
	ROW(BODY, 550, "5.2.3 x", SIZE)
	ROW(BODY, 550, "5.3.4 x", SIZE)
	ROW(BODY, 550, "5.3.2 x", RECEIVER)
	ROW(BODY, 550, "5.4.6 x", RECEIVER)
	ROW(BODY, 550, "5.5.2 x", PROTOCOL)
	ROW(BODY, 550, "5.6.1 x", CONTENT)
	ROW(BODY, 550, "5.7.1 x", POLICY)
	ROW(BODY, 550, "5.7.10 x", TLS)
	ROW(RCPT, 525, "5.7.13 x", MAILBOX)
	ROW(RCPT, 550, "5.7.18 x", DOMAIN)
	ROW(BODY, 550, "5.7.23 x", AUTH)
	ROW(BODY, 550, "5.7.28 x", RATE)
	ROW(BODY, 550, "5.7.30 x", TLS)
	ROW(BODY, 550, "5.7.620 x", BLOCK)
	/* a status of another class than the code says nothing (EXT-ESC-01) */
	ROW(RCPT, 450, "5.1.1 x", OTHER)
	/* codes alone */
	ROW(RCPT, 550, "", OTHER)
	ROW(RCPT, 554, "no", OTHER)
	ROW(RCPT, 551, "", MAILBOX)
	ROW(RCPT, 552, "", QUOTA)
	ROW(BODY, 552, "", SIZE)
	ROW(RCPT, 556, "", DOMAIN)
	ROW(BODY, 451, "", RECEIVER)
	ROW(BODY, 599, "", OTHER)
	ROW(MAIL, 555, "", PROTOCOL)
	ROW(BODY, 523, "", SIZE)
	/* before RCPT no recipient is meant */
	ROW(MAIL, 550, "5.1.1 User unknown", POLICY)
	ROW(GREETING, 554, "no such user", POLICY)
/* clang-format on */
#undef ROW
};

static void known_replies_have_their_class(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct smtp_reply reply = reply_of(rows[i].code, rows[i].text);
		enum bounce_class found = smtp_reply_class_find(rows[i].step, &reply);
		if (found != rows[i].expected)
			print_error("%u %s\n", rows[i].code, rows[i].text);
		assert_true(
			text_equal(bounce_class_text(found), bounce_class_text(rows[i].expected)));
	}
}

/* Every row of smtp_reply_rules.def can be reached: none is hidden by those before it. */
static void no_rule_is_hidden_by_an_earlier_one(void **state)
{
	(void)state;
#define ANY 5
#define RULE(class, first_digit, phrase, and_phrase)                                               \
	{ BOUNCE_CLASS_##class, first_digit, phrase " " and_phrase },
	static const struct {
		enum bounce_class expected;
		unsigned first_digit;
		const char *text;
	} rules[] = {
#include "engine/smtp/smtp_reply_rules.def"
	};
#undef RULE
#undef ANY
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		struct smtp_reply reply = reply_of(rules[i].first_digit * 100 + 98, rules[i].text);
		enum bounce_class found = smtp_reply_class_find(SMTP_STEP_RCPT, &reply);
		if (found != rules[i].expected)
			print_error("%s\n", rules[i].text);
		assert_int_equal(found, rules[i].expected);
	}
}

static void words_are_found_whatever_stands_around_them(void **state)
{
	(void)state;
	static const char *const texts[] = { "User  unknown", "<a@x>: USER\"UNKNOWN",
		"x (user unknown)", "user,unknown", "user   (unknown)" };
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct smtp_reply reply = reply_of(550, texts[i]);
		assert_int_equal(
			smtp_reply_class_find(SMTP_STEP_RCPT, &reply), BOUNCE_CLASS_MAILBOX);
	}
	/* A word's start is wanted where the rule has a space. */
	struct smtp_reply reply = reply_of(550, "the verbl of crispfood");
	assert_int_equal(smtp_reply_class_find(SMTP_STEP_RCPT, &reply), BOUNCE_CLASS_OTHER);
	/* The longest text that can be kept. */
	static char longest[SMTP_REPLY_TEXT_BYTES_MAX];
	memset(longest, 'x', sizeof longest);
	memcpy(longest + sizeof longest - 12, "user unknown", 12);
	reply.text = text_of_bytes(longest, sizeof longest);
	assert_int_equal(smtp_reply_class_find(SMTP_STEP_RCPT, &reply), BOUNCE_CLASS_MAILBOX);
}

/* ---- CONFORMANCE 0.4, row by row ---- */

static const struct smtp_channel good = { .is_demanded = true };
static const struct smtp_channel secured = { .is_demanded = true, .level_is_mandatory = true };
static const struct smtp_channel weak = { .level_is_mandatory = true };

static struct smtp_action act(
	enum smtp_step step, unsigned code, const char *text, const struct smtp_channel *channel)
{
	const struct smtp_answer answer = { .step = step,
		.reply = reply_of(code, text),
		.about_one_rcpt = true,
		.channel = *channel };
	return smtp_reply_class_answer(&answer);
}

#define assert_action(action, fate, throttle, next_mx, attempt)                                    \
	check_action((action), SMTP_FATE_##fate, SMTP_THROTTLE_##throttle, next_mx, attempt)

static void check_action(struct smtp_action action, enum smtp_fate fate,
	enum smtp_throttle throttle, bool next_mx, bool attempt)
{
	assert_int_equal(action.fate, fate);
	assert_int_equal(action.throttle, throttle);
	assert_int_equal(action.next_mx, next_mx);
	assert_int_equal(action.counts_as_attempt, attempt);
	/* Who is tried again is never suppressed. */
	assert_true(fate == SMTP_FATE_BOUNCE || !action.may_suppress);
}

static void connect_banner_4xx_and_tls_failure_back_off_and_go_on(void **state)
{
	(void)state;
	const struct smtp_reply none = { 0 }, not_now = reply_of(454, "not now");
	assert_action(smtp_reply_class_end(SMTP_END_LOST, SMTP_STEP_GREETING, &none, &good), DEFER,
		BACK_OFF, true, false);
	assert_action(smtp_reply_class_end(SMTP_END_TIMEOUT, SMTP_STEP_EHLO, &none, &good), DEFER,
		BACK_OFF, true, false);
	assert_action(act(SMTP_STEP_GREETING, 450, "later", &good), DEFER, BACK_OFF, true, false);
	assert_action(act(SMTP_STEP_GREETING, 421, "later", &good), DEFER, BACK_OFF, true, false);
	assert_action(act(SMTP_STEP_EHLO, 450, "later", &good), DEFER, BACK_OFF, true, false);
	static const enum smtp_end ends[] = { SMTP_END_TLS_NOT_OFFERED, SMTP_END_TLS_REFUSED,
		SMTP_END_TLS_FAILED, SMTP_END_INJECTION };
	for (size_t i = 0; i < 4; i++) {
		struct smtp_action action =
			smtp_reply_class_end(ends[i], SMTP_STEP_STARTTLS, &not_now, &weak);
		assert_action(action, DEFER, BACK_OFF, true, false);
		assert_int_equal(action.bounce_class, BOUNCE_CLASS_TLS);
	}
	assert_action(smtp_reply_class_end(SMTP_END_PROTOCOL, SMTP_STEP_GREETING, &none, &good),
		DEFER, BACK_OFF, true, false);
	/* STLS-10: as an answer */
	assert_action(act(SMTP_STEP_STARTTLS, 554, "no", &weak), DEFER, BACK_OFF, true, false);
}

/* POL-14, SMTP-14: about us, so nobody bounces; 521 from all hosts does, where nothing is
 * demanded. */
static void banner_and_hello_5xx_suspend(void **state)
{
	(void)state;
	assert_action(act(SMTP_STEP_GREETING, 554, "no", &good), DEFER, SUSPEND, true, true);
	assert_action(act(SMTP_STEP_EHLO, 550, "no", &good), DEFER, SUSPEND, true, true);
	assert_action(act(SMTP_STEP_HELO, 550, "no", &good), DEFER, SUSPEND, true, true);
	assert_false(act(SMTP_STEP_GREETING, 554, "no", &good).bounce_if_all);
	assert_true(act(SMTP_STEP_GREETING, 521, "never", &good).bounce_if_all);
	assert_false(act(SMTP_STEP_GREETING, 521, "never", &weak).bounce_if_all);
	const struct smtp_reply reply = reply_of(554, "blocked using zen.spamhaus.org");
	struct smtp_action action =
		smtp_reply_class_end(SMTP_END_GREETING_REFUSED, SMTP_STEP_GREETING, &reply, &good);
	assert_action(action, DEFER, SUSPEND, true, true);
	assert_int_equal(action.bounce_class, BOUNCE_CLASS_BLOCK);
	assert_action(smtp_reply_class_end(SMTP_END_HELLO_REFUSED, SMTP_STEP_HELO, &reply, &good),
		DEFER, SUSPEND, true, true);
}

static void a_421_anywhere_and_mail_4xx_slow_down(void **state)
{
	(void)state;
	static const enum smtp_step steps[] = { SMTP_STEP_EHLO, SMTP_STEP_MAIL, SMTP_STEP_RCPT,
		SMTP_STEP_DATA, SMTP_STEP_BODY, SMTP_STEP_BDAT };
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
		assert_action(act(steps[i], 421, "bye", &good), DEFER, SLOW_DOWN, false, false);
	assert_action(act(SMTP_STEP_MAIL, 451, "later", &good), DEFER, SLOW_DOWN, false, true);
	const struct smtp_reply reply = reply_of(421, "bye");
	assert_action(smtp_reply_class_end(SMTP_END_CLOSING, SMTP_STEP_RCPT, &reply, &good), DEFER,
		SLOW_DOWN, false, false);
	/* SMTP-42: told to go while idle: nothing happened */
	assert_action(smtp_reply_class_end(SMTP_END_CLOSING, SMTP_STEP_IDLE, &reply, &good), AGAIN,
		NOTHING, false, false);
}

static void rcpt_and_final_dot_4xx_come_back_to_the_same_host(void **state)
{
	(void)state;
	static const enum smtp_step steps[] = { SMTP_STEP_RCPT, SMTP_STEP_DATA, SMTP_STEP_BODY,
		SMTP_STEP_BDAT };
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		struct smtp_action action = act(steps[i], 450, "Greylisted", &good);
		assert_action(action, DEFER, NOTHING, false, true);
		assert_true(action.same_host);
		assert_int_equal(action.bounce_class, BOUNCE_CLASS_GREYLIST);
	}
}

static void too_many_recipients_go_at_once(void **state)
{
	(void)state;
	static const struct {
		unsigned code;
		struct smtp_status status;
		bool before;
		enum smtp_fate fate;
	} cases[] = {
		{ 452, { 0 }, true, SMTP_FATE_AGAIN },
		{ 552, { 0 }, true, SMTP_FATE_AGAIN },
		{ 452, { 4, 5, 3 }, true, SMTP_FATE_AGAIN },
		{ 452, { 4, 2, 2 }, true, SMTP_FATE_DEFER },
		{ 552, { 5, 2, 2 }, true, SMTP_FATE_BOUNCE },
		{ 452, { 4, 3, 4 }, true, SMTP_FATE_DEFER },
		{ 452, { 0 }, false, SMTP_FATE_DEFER },
		{ 552, { 0 }, false, SMTP_FATE_BOUNCE },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct smtp_answer answer = { .step = SMTP_STEP_RCPT,
			.reply = reply_of(cases[i].code, "x"),
			.rcpt_accepted_before = cases[i].before,
			.channel = good };
		answer.reply.status = cases[i].status;
		struct smtp_action action = smtp_reply_class_answer(&answer);
		assert_int_equal(action.fate, cases[i].fate);
		assert_int_equal(action.throttle, SMTP_THROTTLE_NOTHING);
	}
}

/* SEC-20: what may be forged, or meant for another, never burns an address. */
static void mailbox_and_domain_5xx_bounce_and_may_suppress(void **state)
{
	(void)state;
	static const char *const texts[] = { "5.1.1 user unknown", "5.1.2 domain not found" };
	for (size_t i = 0; i < 2; i++) {
		struct smtp_action action = act(SMTP_STEP_RCPT, 550, texts[i], &good);
		assert_action(action, BOUNCE, NOTHING, false, true);
		assert_true(action.may_suppress);
		assert_false(action.counts_as_block);
		assert_true(act(SMTP_STEP_RCPT, 550, texts[i], &secured).may_suppress);
		/* POL-14: not over a weaker channel than demanded */
		assert_action(
			act(SMTP_STEP_RCPT, 550, texts[i], &weak), DEFER, NOTHING, true, true);
		/* after the dot, with others in the transaction: nobody knows who is meant */
		struct smtp_answer answer = {
			.step = SMTP_STEP_BODY, .reply = reply_of(550, texts[i]), .channel = good
		};
		assert_false(smtp_reply_class_answer(&answer).may_suppress);
	}
	assert_false(act(SMTP_STEP_RCPT, 552, "5.2.2 mailbox full", &good).may_suppress);
	assert_false(act(SMTP_STEP_MAIL, 550, "5.1.1 user unknown", &good).may_suppress);
}

static void policy_and_block_5xx_never_suppress_and_are_counted(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum smtp_fate fate;
	} cases[] = {
		{ "5.7.1 policy", SMTP_FATE_BOUNCE },
		{ "5.7.26 DMARC", SMTP_FATE_BOUNCE },
		{ "5.7.1 spam", SMTP_FATE_BOUNCE },
		{ "5.7.1 blocked using zen.spamhaus.org", SMTP_FATE_DEFER },
		{ "5.7.1 too many messages", SMTP_FATE_DEFER },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct smtp_action action = act(SMTP_STEP_BODY, 550, cases[i].text, &good);
		assert_int_equal(action.fate, cases[i].fate);
		assert_int_equal(action.throttle, SMTP_THROTTLE_NOTHING);
		assert_true(action.counts_as_block);
		assert_false(action.may_suppress);
		assert_false(action.next_mx);
	}
	assert_false(act(SMTP_STEP_BODY, 552, "5.3.4 too big", &good).counts_as_block);
}

static void a_2yz_is_delivery(void **state)
{
	(void)state;
	assert_action(act(SMTP_STEP_BODY, 250, "ok", &good), DELIVERED, NOTHING, false, true);
}

/* SMTP-16: broken connections stand in the row of their step. */
static void recipients_get_the_row_of_what_happened_to_them(void **state)
{
	(void)state;
	static const struct {
		enum smtp_verdict verdict;
		enum smtp_cause cause;
		enum smtp_step step;
		unsigned code;
		enum smtp_fate fate;
		enum smtp_throttle throttle;
		bool next_mx, attempt;
		enum bounce_class bounce_class;
	} cases[] = {
#define CASE(verdict, cause, step, code, fate, throttle, next_mx, attempt, class)                  \
	{ SMTP_VERDICT_##verdict, SMTP_CAUSE_##cause, SMTP_STEP_##step, code, SMTP_FATE_##fate,    \
		SMTP_THROTTLE_##throttle, next_mx, attempt, BOUNCE_CLASS_##class },
		CASE(DELIVERED, REPLY, BODY, 250, DELIVERED, NOTHING, false, true, NONE) CASE(
			PERMANENT, REPLY, RCPT, 550, BOUNCE, NOTHING, false, true,
			OTHER) CASE(TEMPORARY, REPLY, MAIL, 451, DEFER, SLOW_DOWN, false, true,
			RECEIVER) CASE(TEMPORARY, REPLY, RCPT, 421, DEFER, SLOW_DOWN, false, false,
			RECEIVER) CASE(TEMPORARY, LOST, MAIL, 0, DEFER, SLOW_DOWN, false, true,
			NETWORK) CASE(TEMPORARY, LOST, BODY, 0, DEFER, NOTHING, false, true,
			NETWORK) CASE(TEMPORARY, TIMEOUT, RCPT, 0, DEFER, NOTHING, false, true,
			NETWORK) CASE(TEMPORARY, PROTOCOL, DATA, 250, DEFER, NOTHING, false, true,
			PROTOCOL) CASE(AGAIN, RCPTS_MAX, RCPT, 452, AGAIN, NOTHING, false, false,
			NONE) CASE(AGAIN, PARAMETERS, MAIL, 555, AGAIN, NOTHING, false, false, NONE)
			CASE(NOT_TRIED, SESSION_OVER, BODY, 0, AGAIN, NOTHING, false, false,
				NONE) CASE(OTHER_HOST, NO_8BITMIME, IDLE, 0, BOUNCE, NOTHING, true,
				false, PROTOCOL) CASE(OTHER_HOST, TOO_BIG, IDLE, 0, BOUNCE, NOTHING,
				true, false, SIZE) CASE(OTHER_HOST, NO_REQUIRETLS, IDLE, 0, BOUNCE,
				NOTHING, true, false, TLS) CASE(OTHER_HOST, REQUIRETLS_UNPROVEN,
				IDLE, 0, DEFER, NOTHING, true, false, TLS) CASE(PERMANENT, BAD_RCPT,
				IDLE, 0, BOUNCE, NOTHING, false, false, INPUT)
#undef CASE
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct smtp_transaction transaction = { .texts = NULL };
		const struct smtp_rcpt_result rcpt = { .verdict = (uint8_t)cases[i].verdict,
			.cause = (uint8_t)cases[i].cause,
			.step = (uint8_t)cases[i].step,
			.code = (uint16_t)cases[i].code };
		struct smtp_action action = smtp_reply_class_rcpt(&transaction, &rcpt, &good);
		assert_int_equal(action.fate, cases[i].fate);
		assert_int_equal(action.throttle, cases[i].throttle);
		assert_int_equal(action.next_mx, cases[i].next_mx);
		assert_int_equal(action.counts_as_attempt, cases[i].attempt);
		assert_int_equal(action.bounce_class, cases[i].bounce_class);
	}
}

static void a_reply_after_the_dot_is_about_one_if_one_was_accepted(void **state)
{
	(void)state;
	for (uint32_t accepted = 1; accepted <= 2; accepted++) {
		char text[] = "5.1.1 user unknown";
		const struct smtp_transaction transaction = { .texts = text,
			.rcpts_accepted = accepted };
		const struct smtp_rcpt_result rcpt = { .verdict = SMTP_VERDICT_PERMANENT,
			.cause = SMTP_CAUSE_REPLY,
			.step = SMTP_STEP_BODY,
			.code = 550,
			.text_len = sizeof text - 1 };
		struct smtp_action action = smtp_reply_class_rcpt(&transaction, &rcpt, &good);
		assert_int_equal(action.bounce_class, BOUNCE_CLASS_MAILBOX);
		assert_int_equal(action.may_suppress, accepted == 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_replies_have_their_class),
		cmocka_unit_test(no_rule_is_hidden_by_an_earlier_one),
		cmocka_unit_test(words_are_found_whatever_stands_around_them),
		cmocka_unit_test(connect_banner_4xx_and_tls_failure_back_off_and_go_on),
		cmocka_unit_test(banner_and_hello_5xx_suspend),
		cmocka_unit_test(a_421_anywhere_and_mail_4xx_slow_down),
		cmocka_unit_test(rcpt_and_final_dot_4xx_come_back_to_the_same_host),
		cmocka_unit_test(too_many_recipients_go_at_once),
		cmocka_unit_test(mailbox_and_domain_5xx_bounce_and_may_suppress),
		cmocka_unit_test(policy_and_block_5xx_never_suppress_and_are_counted),
		cmocka_unit_test(a_2yz_is_delivery),
		cmocka_unit_test(recipients_get_the_row_of_what_happened_to_them),
		cmocka_unit_test(a_reply_after_the_dot_is_about_one_if_one_was_accepted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
