#include "bench/sink_site.h"
#include <string.h>
#include "engine/base/buf.h"

static const struct keyword_row {
	const char *text;
	bool plain, tls;
} keyword_rows[SINK_KEYWORD_COUNT] = {
#define KEYWORD(name, text_, plain_, tls_) [SINK_KEYWORD_##name] = { text_, plain_, tls_ },
#include "bench/sink_keywords.def"
#undef KEYWORD
};

static bool find_keyword(struct text text, enum sink_keyword *out_keyword)
{
	for (unsigned i = 0; i < SINK_KEYWORD_COUNT; i++) {
		if (text_equal_nocase(text, text_of(keyword_rows[i].text))) {
			*out_keyword = (enum sink_keyword)i;
			return true;
		}
	}
	return false;
}

static bool is_here(const struct sink_site *site, const struct sink_rule *rule)
{
	return sink_rule_is_for_listener(rule, &site->address, site->port);
}

const char *sink_site_setting(const struct sink_site *site, enum sink_deed setting)
{
	const char *argument = NULL;
	for (uint32_t i = 0; i < site->rules->count; i++) {
		const struct sink_rule *rule = &site->rules->rules[i];
		if (rule->deed == setting && is_here(site, rule))
			argument = rule->argument;
	}
	return argument;
}

/* The number of a setting, or `otherwise` when it is off. */
static uint64_t setting_number(
	const struct sink_site *site, enum sink_deed setting, uint64_t otherwise)
{
	const char *argument = sink_site_setting(site, setting);
	if (argument == NULL)
		return otherwise;
	struct text text = text_of(argument);
	size_t slash = text_find(text, '/');
	uint64_t number;
	return text_to_u64(text_cut(text, slash), &number) ? number : otherwise;
}

static uint32_t setting_u32(const struct sink_site *site, enum sink_deed setting, uint32_t otherwise)
{
	uint64_t number = setting_number(site, setting, otherwise);
	return number > UINT32_MAX ? UINT32_MAX : (uint32_t)number;
}

/* "WITHOUT:PIPELINING,CHUNKING" */
static enum result take_off(struct sink_offer *offer, const char *argument, struct fail *fail)
{
	struct text rest = text_of(argument), word;
	while (text_split(&rest, ',', &word)) {
		enum sink_keyword keyword;
		if (!find_keyword(text_trim(word), &keyword))
			return fail_set(fail, RESULT_INVALID,
				"'%.*s' is not a keyword that the sink could offer", TEXT_ARG(word));
		offer->keywords[keyword] = false;
	}
	return RESULT_OK;
}

static bool concerns(const struct sink_rule *rule, enum sink_deed both, enum sink_deed one)
{
	return rule->deed == both || rule->deed == one;
}

static enum result choose_keywords(struct sink_site *site, struct sink_offer *offer, bool tls,
	struct fail *fail)
{
	enum sink_deed offers = tls ? SINK_SETTING_OFFER_TLS : SINK_SETTING_OFFER_PLAIN;
	enum sink_deed without = tls ? SINK_SETTING_WITHOUT_TLS : SINK_SETTING_WITHOUT_PLAIN;
	for (uint32_t i = 0; i < site->rules->count; i++) {
		const struct sink_rule *rule = &site->rules->rules[i];
		enum sink_keyword keyword;
		if (!is_here(site, rule))
			continue;
		if (concerns(rule, SINK_SETTING_OFFER, offers) &&
			find_keyword(text_of(rule->argument), &keyword))
			offer->keywords[keyword] = true;
		if (concerns(rule, SINK_SETTING_WITHOUT, without)) {
			enum result result = take_off(offer, rule->argument, fail);
			if (result != RESULT_OK)
				return result;
		}
	}
	if (tls && sink_site_setting(site, SINK_SETTING_STARTTLS_IN_TLS) != NULL)
		offer->keywords[SINK_KEYWORD_STARTTLS] = true;
	return RESULT_OK;
}

/* One line of EHLO; mixed case for STLS-16. */
static void put_line(struct buf *out, const char *text, bool mixed)
{
	buf_put_text(out, TEXT("250-"));
	for (size_t i = 0; text[i] != '\0'; i++)
		buf_put_u8(out, mixed && i % 2 != 0 ? text_lower((uint8_t)text[i]) : (uint8_t)text[i]);
	buf_put_text(out, TEXT("\r\n"));
}

static void put_limits(struct buf *out, const struct sink_site *site)
{
	if (site->limit_mail + site->limit_rcpt + site->limit_domain == 0)
		return;
	buf_put_text(out, TEXT("250-LIMITS"));
	if (site->limit_mail > 0)
		buf_printf(out, " MAILMAX=%u", site->limit_mail);
	if (site->limit_rcpt > 0)
		buf_printf(out, " RCPTMAX=%u", site->limit_rcpt);
	if (site->limit_domain > 0)
		buf_printf(out, " RCPTDOMAINMAX=%u", site->limit_domain);
	buf_put_text(out, TEXT("\r\n"));
}

static void put_added_lines(struct buf *out, const struct sink_site *site, bool tls)
{
	enum sink_deed offers = tls ? SINK_SETTING_OFFER_TLS : SINK_SETTING_OFFER_PLAIN;
	for (uint32_t i = 0; i < site->rules->count; i++) {
		const struct sink_rule *rule = &site->rules->rules[i];
		enum sink_keyword keyword;
		if (is_here(site, rule) && concerns(rule, SINK_SETTING_OFFER, offers) &&
			!find_keyword(text_of(rule->argument), &keyword))
			put_line(out, rule->argument, false);
	}
}

/* Every line is written "250-"; the last one then becomes "250 ". */
static enum result write_offer(struct sink_site *site, struct sink_offer *offer, bool tls,
	struct fail *fail)
{
	struct buf out;
	bool mixed = sink_site_setting(site, SINK_SETTING_KEYWORD_CASE) != NULL;
	buf_init(&out, offer->reply, sizeof offer->reply);
	buf_printf(&out, "250-%s\r\n", site->name);
	for (unsigned i = 0; i < SINK_KEYWORD_COUNT; i++) {
		char line[64];
		if (!offer->keywords[i])
			continue;
		if (i == SINK_KEYWORD_SIZE)
			snprintf(line, sizeof line, "%s %llu", keyword_rows[i].text,
				(unsigned long long)site->size_max);
		put_line(&out, i == SINK_KEYWORD_SIZE ? line : keyword_rows[i].text, mixed);
	}
	put_limits(&out, site);
	put_added_lines(&out, site, tls);
	if (out.overflow)
		return fail_set(fail, RESULT_INVALID, "more EHLO lines than %d octets", SINK_EHLO_MAX);
	struct text all = text_cut(buf_text(&out), out.len - 2);
	size_t line = text_find_last(all, '\n');
	out.data[(line == TEXT_NONE ? 0 : line + 1) + 3] = ' ';
	offer->reply_len = (uint32_t)all.len;
	return RESULT_OK;
}

static enum result make_offer(struct sink_site *site, const struct sink_site_config *config, bool tls,
	struct fail *fail)
{
	struct sink_offer *offer = tls ? &site->tls : &site->plain;
	for (unsigned i = 0; i < SINK_KEYWORD_COUNT; i++)
		offer->keywords[i] = tls ? keyword_rows[i].tls : keyword_rows[i].plain;
	if (!config->has_tls)
		offer->keywords[SINK_KEYWORD_STARTTLS] = false;
	enum result result = choose_keywords(site, offer, tls, fail);
	return result != RESULT_OK ? result : write_offer(site, offer, tls, fail);
}

static void read_limits(struct sink_site *site, const struct sink_site_config *config)
{
	const char *rcpts = sink_site_setting(site, SINK_SETTING_RCPTS_MAX);
	site->size_max = setting_number(site, SINK_SETTING_SIZE, config->size_max);
	site->rcpts_max = setting_u32(site, SINK_SETTING_RCPTS_MAX, config->rcpts_max);
	if (site->rcpts_max > SINK_RCPTS_MAX)
		site->rcpts_max = SINK_RCPTS_MAX;
	site->rcpts_code = rcpts != NULL && strstr(rcpts, "/552") != NULL ? 552 : 452;
	site->mail_max = setting_u32(site, SINK_SETTING_MAIL_MAX, 0);
	site->close_after = setting_u32(site, SINK_SETTING_CLOSE_AFTER, 0);
	site->limit_mail = setting_u32(site, SINK_SETTING_LIMIT_MAIL, 0);
	site->limit_rcpt = setting_u32(site, SINK_SETTING_LIMIT_RCPT, 0);
	site->limit_domain = setting_u32(site, SINK_SETTING_LIMIT_DOMAIN, 0);
	site->sessions_max = setting_u32(site, SINK_SETTING_SESSIONS_MAX, 0);
	site->idle_says_421 = sink_site_setting(site, SINK_SETTING_IDLE_421) != NULL;
	site->idle_ms = setting_u32(site,
		site->idle_says_421 ? SINK_SETTING_IDLE_421 : SINK_SETTING_IDLE_CLOSE, 0);
}

enum result sink_site_init(struct sink_site *site, const struct ip_address *address, uint16_t port,
	const struct sink_site_config *config, struct sink_rules *rules, struct fail *fail)
{
	memset(site, 0, sizeof *site);
	site->address = *address;
	site->port = port;
	site->rules = rules;
	site->rcpt_rules = config->rcpt_rules;
	for (uint32_t i = 0; i < rules->count; i++)
		if (is_here(site, &rules->rules[i]) && !sink_deed_is_setting(rules->rules[i].deed))
			site->active[site->active_count++] = (uint16_t)i;
	const char *name = sink_site_setting(site, SINK_SETTING_HELLO);
	struct text wanted = text_of(name != NULL ? name : config->name);
	if (wanted.len > SINK_NAME_MAX)
		return fail_set(fail, RESULT_INVALID, "a name longer than %d", SINK_NAME_MAX);
	memcpy(site->name, wanted.data, wanted.len);
	read_limits(site, config);
	enum result result = make_offer(site, config, false, fail);
	return result != RESULT_OK ? result : make_offer(site, config, true, fail);
}
