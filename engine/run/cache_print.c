#include "engine/run/cache_print.h"
#include "dns/dns_rdata.h"
#include "engine/base/json_object.h"
#include "engine/base/time_text.h"
#include "engine/base/tlsa_text.h"

enum {
	US_PER_S = 1000000,
	MS_PER_S = 1000,
	RECORD_TEXT_BYTES = 2 * UINT16_MAX + 64,
	HEX_BYTES_SHOWN = 64, /* the longest digest, for people; of a whole certificate the front */
};

static const char *mode_text(enum cache_sts_mode mode)
{
	switch (mode) {
	case CACHE_STS_NONE: return "none";
	case CACHE_STS_TESTING: return "testing";
	case CACHE_STS_ENFORCE: return "enforce";
	}
	UNREACHABLE("a fourth mode of policies");
}

/* ---- JSON ---- */

static void put_time(struct buf *out, const char *key, uint64_t time_s)
{
	uint8_t memory[TIME_TEXT_RFC3339_LEN + 1];
	struct buf text;
	if (time_s == 0) {
		json_object_put_null(out, key);
		return;
	}
	buf_init(&text, memory, sizeof memory);
	time_text_put_rfc3339(&text, (int64_t)time_s * US_PER_S);
	json_object_put_text(out, key, buf_text(&text));
}

static void put_tlsa(struct buf *out, const struct cache_entry *entry)
{
	const struct tlsa_set *set = &entry->of.tlsa;
	static uint8_t memory[RECORD_TEXT_BYTES];
	json_object_put_number(out, "port", entry->key.number);
	json_object_put_text(out, "class", text_of(dns_class_name(set->class)));
	json_object_put_text(out, "base_domain", set->base_domain);
	json_object_open_list(out, "records");
	for (size_t i = 0; i < set->count; i++) {
		struct buf text;
		buf_init(&text, memory, sizeof memory);
		tlsa_text_put(&text, &set->records[i], TLSA_DATA_BYTES_MAX);
		json_object_put_text(out, NULL, buf_text(&text));
	}
	json_object_close_list(out);
	json_object_put_bool(out, "truncated", set->truncated);
}

static void put_sts(struct buf *out, const struct cache_sts *sts, bool whole)
{
	json_object_put_text(out, "mode", text_of(mode_text(sts->mode)));
	json_object_put_text(out, "id", sts->id);
	json_object_open_list(out, "mx");
	for (size_t i = 0; i < sts->mx_count; i++)
		json_object_put_text(out, NULL, sts->mx[i]);
	json_object_close_list(out);
	json_object_put_number(out, "max_age", sts->max_age_s);
	json_object_put_number(out, "failures", sts->failures);
	put_time(out, "failed", sts->tried_s);
	if (whole)
		json_object_put_text(out, "policy", sts->policy);
}

static void put_answer(struct buf *out, const struct dns_answer *answer)
{
	static uint8_t memory[4 * RECORD_TEXT_BYTES];
	json_object_put_text(out, "type", text_of(dns_type_name(answer->type)));
	json_object_put_text(out, "class", text_of(dns_class_name(answer->class)));
	json_object_put_bool(out, "nxdomain", answer->nxdomain);
	if (answer->aliased) {
		json_object_put_text(out, "canonical_name", answer->canonical_name);
		json_object_put_bool(out, "alias_secure", answer->alias_secure);
	}
	json_object_open_list(out, "records");
	for (size_t i = 0; i < answer->rdata_count; i++) {
		struct buf text;
		buf_init(&text, memory, sizeof memory);
		dns_rdata_put_text(&answer->rdata[i], answer->type, &text);
		json_object_put_text(out, NULL, buf_text(&text));
	}
	json_object_close_list(out);
}

void cache_print_json(const struct cache_entry *entry, uint64_t now_s, bool whole, struct buf *out)
{
	json_object_open(out, NULL);
	json_object_put_text(out, "table", text_of(cache_table_name(entry->key.table)));
	json_object_put_text(out, "name", entry->key.name);
	switch (entry->key.table) {
	case CACHE_TABLE_TLSA: put_tlsa(out, entry); break;
	case CACHE_TABLE_STS: put_sts(out, &entry->of.sts, whole); break;
	case CACHE_TABLE_ANSWER: put_answer(out, &entry->of.answer); break;
	}
	put_time(out, "fetched", entry->times.fetched_s);
	put_time(out, "expires", entry->times.expires_s);
	json_object_put_number(out, "left_s", entry->times.expires_s - now_s);
	json_object_close(out);
	buf_put_u8(out, '\n');
}

/* ---- text ---- */

static void put_count(struct buf *out, size_t count, const char *what)
{
	buf_printf(out, ", %zu %s%s", count, what, count == 1 ? "" : "s");
}

static void print_tlsa(
	struct buf *out, const struct cache_entry *entry, bool whole, struct buf *lines)
{
	const struct tlsa_set *set = &entry->of.tlsa;
	buf_printf(out, ":%u %s", (unsigned)entry->key.number, dns_class_name(set->class));
	if (set->count > 0)
		put_count(out, set->count, "record");
	if (set->base_domain.len > 0 && !text_equal(set->base_domain, entry->key.name))
		buf_printf(out, " of %.*s", TEXT_ARG(set->base_domain));
	for (size_t i = 0; whole && i < set->count; i++) {
		buf_put_cstr(lines, "  ");
		tlsa_text_put(lines, &set->records[i], HEX_BYTES_SHOWN);
		buf_put_cstr(lines, "\n");
	}
}

static void print_sts(struct buf *out, const struct cache_sts *sts, bool whole, struct buf *lines)
{
	buf_printf(out, " %s, id %.*s", mode_text(sts->mode), TEXT_ARG(sts->id));
	put_count(out, sts->mx_count, "pattern");
	if (sts->failures > 0)
		put_count(out, sts->failures, "failed renewal");
	for (size_t i = 0; whole && i < sts->mx_count; i++)
		buf_printf(lines, "  mx: %.*s\n", TEXT_ARG(sts->mx[i]));
}

static void print_answer(
	struct buf *out, const struct dns_answer *answer, bool whole, struct buf *lines)
{
	buf_printf(out, " %s: %s", dns_type_name(answer->type), dns_class_name(answer->class));
	if (answer->rdata_count > 0)
		put_count(out, answer->rdata_count, "record");
	if (answer->aliased)
		buf_printf(out, ", an alias of %.*s", TEXT_ARG(answer->canonical_name));
	for (size_t i = 0; whole && i < answer->rdata_count; i++) {
		buf_put_cstr(lines, "  ");
		dns_rdata_put_text(&answer->rdata[i], answer->type, lines);
		buf_put_cstr(lines, "\n");
	}
}

void cache_print_text(const struct cache_entry *entry, uint64_t now_s, bool whole, struct buf *out)
{
	static uint8_t memory[CACHE_PRINT_BYTES_MAX];
	struct buf lines;
	buf_init(&lines, memory, sizeof memory);
	buf_printf(out, "%s %.*s", cache_table_name(entry->key.table), TEXT_ARG(entry->key.name));
	switch (entry->key.table) {
	case CACHE_TABLE_TLSA: print_tlsa(out, entry, whole, &lines); break;
	case CACHE_TABLE_STS: print_sts(out, &entry->of.sts, whole, &lines); break;
	case CACHE_TABLE_ANSWER: print_answer(out, &entry->of.answer, whole, &lines); break;
	}
	buf_put_cstr(out, ", for another ");
	time_text_put_duration(out, (entry->times.expires_s - now_s) * MS_PER_S);
	buf_put_cstr(out, "\n");
	buf_put_text(out, buf_text(&lines));
}
