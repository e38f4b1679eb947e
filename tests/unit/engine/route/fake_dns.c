#include "tests/unit/engine/route/fake_dns.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "engine/base/arena.h"
#include "engine/base/buf.h"
#include "engine/base/ip_address.h"

enum { ROWS_MAX = 256, PENDING_MAX = 256, LOG_BYTES = 16384 };

struct dns_resolver {
	struct fake_row rows[ROWS_MAX];
	size_t rows_count;
	struct dns_query *pending[PENDING_MAX];
	size_t pending_count;
	unsigned cancelled_count;
	char log[LOG_BYTES];
	struct arena arena;
	bool has_arena;
};

static struct dns_resolver fake;

struct dns_resolver *fake_dns_reset(void)
{
	if (fake.has_arena)
		arena_deinit(&fake.arena);
	memset(&fake, 0, sizeof fake);
	arena_init(&fake.arena, 65536, 16 * 1024 * 1024);
	fake.has_arena = true;
	return &fake;
}

void fake_dns_script(const struct fake_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t at = 0;
		while (at < fake.rows_count && (strcmp(fake.rows[at].name, rows[i].name) != 0 ||
			fake.rows[at].type != rows[i].type))
			at++;
		assert_true(at < ROWS_MAX);
		fake.rows[at] = rows[i];
		if (at == fake.rows_count)
			fake.rows_count++;
	}
}

/* ---- records as text into rdata ---- */

static void put_wire_name(struct buf *out, struct text name)
{
	struct text label;
	if (!text_equal(name, TEXT(".")))
		while (text_split(&name, '.', &label)) {
			buf_put_u8(out, (uint8_t)label.len);
			buf_put_text(out, label);
		}
	buf_put_u8(out, 0);
}

static void put_hex(struct buf *out, struct text hex)
{
	for (size_t i = 0; i + 1 < hex.len; i += 2) {
		char digits[3] = { hex.data[i], hex.data[i + 1], '\0' };
		buf_put_u8(out, (uint8_t)strtoul(digits, NULL, 16));
	}
}

static void put_record(struct buf *out, enum dns_type type, struct text record)
{
	struct ip_address ip;
	if (text_starts(record, TEXT("\\#"))) {
		put_hex(out, text_trim(text_skip(record, 2)));
	} else if (type == DNS_TYPE_MX) {
		uint64_t preference;
		size_t space = text_find(record, ' ');
		assert_true(text_to_u64(text_cut(record, space), &preference));
		buf_put_u16(out, (uint16_t)preference);
		put_wire_name(out, text_skip(record, space + 1));
	} else if (type == DNS_TYPE_TXT) {
		buf_put_u8(out, (uint8_t)record.len);
		buf_put_text(out, record);
	} else if (type == DNS_TYPE_CNAME) {
		put_wire_name(out, record);
	} else {
		assert_int_equal(ip_address_parse(record, &ip), RESULT_OK);
		buf_put(out, ip.bytes, type == DNS_TYPE_A ? 4 : 16);
	}
}

static void put_records(const struct fake_row *row, struct dns_answer *answer)
{
	enum { RECORDS_MAX = 512 };
	struct dns_rdata *rdata = arena_alloc_array(&fake.arena, RECORDS_MAX, sizeof *rdata);
	struct text rest = text_of(row->records), record;
	size_t count = 0;
	while (rest.len > 0 && text_split(&rest, ',', &record)) {
		size_t max = 300 + record.len; /* no form is shorter than what it stands for */
		uint8_t *memory = arena_alloc(&fake.arena, max);
		assert_non_null(memory);
		struct buf out;
		buf_init(&out, memory, max);
		put_record(&out, row->type, text_trim(record));
		assert_false(out.overflow);
		assert_true(count < RECORDS_MAX);
		rdata[count++] = (struct dns_rdata){ memory, out.len };
	}
	answer->rdata = rdata;
	answer->rdata_count = count;
}

const struct dns_answer *fake_answer(const struct fake_row *row)
{
	struct dns_answer *answer = arena_alloc(&fake.arena, sizeof *answer);
	assert_non_null(answer);
	answer->type = (uint16_t)row->type;
	answer->extended_error = DNS_EXTENDED_ERROR_NONE;
	answer->name = text_of(row->name);
	answer->canonical_name = text_of(row->canonical != NULL ? row->canonical : row->name);
	answer->aliased = row->canonical != NULL;
	bool has_data = row->records[0] != '\0';
	switch (row->class) {
	case FAKE_SECURE:
		answer->class = has_data ? DNS_SECURE_DATA : DNS_SECURE_DENIAL;
		break;
	case FAKE_INSECURE:
		answer->class = has_data ? DNS_INSECURE_DATA : DNS_INSECURE_DENIAL;
		break;
	case FAKE_SECURE_NXDOMAIN:
		answer->class = DNS_SECURE_DENIAL;
		answer->nxdomain = true;
		break;
	case FAKE_INSECURE_NXDOMAIN:
		answer->class = DNS_INSECURE_DENIAL;
		answer->nxdomain = true;
		break;
	case FAKE_FAILURE:
		answer->why = text_of(row->records);
		answer->bogus = text_starts(answer->why, TEXT("bogus"));
		return answer;
	case FAKE_SILENT:
		fail_msg("a silent row has no answer");
	}
	answer->ttl_s = row->ttl_s;
	put_records(row, answer);
	return answer;
}

/* ---- the symbols of dns_resolver ---- */

void dns_resolver_ask(struct dns_resolver *resolver, struct dns_query *query, const char *name,
	enum dns_type type, dns_done_fn *done, void *context)
{
	assert_ptr_equal(resolver, &fake);
	assert_false(query->pending);
	*query = (struct dns_query){
		.name = name,
		.type = (uint16_t)type,
		.pending = true,
		.done = done,
		.context = context,
	};
	assert_true(fake.pending_count < PENDING_MAX);
	fake.pending[fake.pending_count++] = query;
	size_t len = strlen(fake.log);
	snprintf(fake.log + len, LOG_BYTES - len, "%s%s %s", len > 0 ? ", " : "",
		dns_type_name((uint16_t)type), name);
}

static void forget(size_t at)
{
	fake.pending_count--;
	memmove(&fake.pending[at], &fake.pending[at + 1],
		(fake.pending_count - at) * sizeof fake.pending[0]);
}

void dns_resolver_cancel(struct dns_resolver *resolver, struct dns_query *query)
{
	assert_ptr_equal(resolver, &fake);
	if (!query->pending)
		return;
	query->pending = false;
	fake.cancelled_count++;
	for (size_t i = 0; i < fake.pending_count; i++)
		if (fake.pending[i] == query) {
			forget(i);
			return;
		}
	fail_msg("cancelled a query that was never asked");
}

static const struct fake_row *row_of(const struct dns_query *query)
{
	for (size_t i = 0; i < fake.rows_count; i++)
		if (strcmp(fake.rows[i].name, query->name) == 0 &&
			fake.rows[i].type == (enum dns_type)query->type)
			return &fake.rows[i];
	fail_msg("nothing in the script about %s %s", dns_type_name(query->type), query->name);
	return NULL;
}

static void answer_at(size_t at)
{
	struct dns_query *query = fake.pending[at];
	const struct dns_answer *answer = fake_answer(row_of(query));
	forget(at);
	query->pending = false;
	query->done(query->context, answer);
}

void fake_dns_deliver(void)
{
	size_t at = 0;
	while (at < fake.pending_count) {
		if (row_of(fake.pending[at])->class == FAKE_SILENT) {
			at++;
			continue;
		}
		answer_at(at);
		at = 0; /* the callback may have asked and cancelled */
	}
}

void fake_dns_deliver_one(const char *name, enum dns_type type)
{
	for (size_t i = 0; i < fake.pending_count; i++)
		if (strcmp(fake.pending[i]->name, name) == 0 &&
			fake.pending[i]->type == (uint16_t)type) {
			answer_at(i);
			return;
		}
	fail_msg("%s %s is not pending", dns_type_name((uint16_t)type), name);
}

/* ---- what the tests ask ---- */

unsigned fake_dns_asked(const char *name, enum dns_type type)
{
	char question[300];
	int len = snprintf(question, sizeof question, "%s %s", dns_type_name((uint16_t)type), name);
	assert_true(len > 0);
	unsigned count = 0;
	struct text rest = text_of(fake.log), entry;
	while (rest.len > 0 && text_split(&rest, ',', &entry))
		count += text_equal(text_trim(entry), text_of(question));
	return count;
}

const char *fake_dns_log(void) { return fake.log; }
unsigned fake_dns_pending(void) { return (unsigned)fake.pending_count; }
unsigned fake_dns_cancelled(void) { return fake.cancelled_count; }
