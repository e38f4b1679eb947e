#include "store/cache_schema.h"
#include <zlib.h>

/* The numbers of enums of engine/base that stand in values. */
static_assert(DNS_SECURE_DATA == 1 && DNS_SECURE_DENIAL == 2 && DNS_INSECURE_DATA == 3 &&
		      DNS_INSECURE_DENIAL == 4,
	"the classes of answers are stored in caches");

enum {
	CRC_AT = 1,
	TIMES_AT = CRC_AT + 4,
	BODY_AT = TIMES_AT + 8 + 8,

	FLAG_NXDOMAIN = 1,
	FLAG_ALIASED = 2,
	FLAG_ALIAS_SECURE = 4,
	FLAGS = FLAG_NXDOMAIN | FLAG_ALIASED | FLAG_ALIAS_SECURE,
};

/* The end of year 9999: sums of such times do not overflow, and time_text.h can show them. */
static const uint64_t time_max_s = 253402300799;

const char *cache_table_name(enum cache_table table)
{
	switch (table) {
#define CACHE_TABLE(name, number, text, meaning)                                                   \
	case CACHE_TABLE_##name:                                                                   \
		return text;
#include "store/cache_table.def"
#undef CACHE_TABLE
	}
	return NULL;
}

/* ---- keys ---- */

static bool is_visible(struct text text)
{
	return text_is_printable(text) && text_find(text, ' ') == TEXT_NONE;
}

static bool is_answer_type(uint16_t type)
{
	return type == DNS_TYPE_MX || type == DNS_TYPE_A || type == DNS_TYPE_AAAA ||
	       type == DNS_TYPE_CNAME || type == DNS_TYPE_TXT;
}

static bool is_key(const struct cache_key *key)
{
	if (key->name.len == 0 || key->name.len > DOMAIN_BYTES_MAX || !is_visible(key->name))
		return false;
	switch (key->table) {
	case CACHE_TABLE_TLSA: return key->number != 0;
	case CACHE_TABLE_STS: return key->number == 0 && key->generation == 0;
	case CACHE_TABLE_ANSWER: return is_answer_type(key->number);
	}
	return false;
}

bool cache_schema_put_key(struct buf *buf, const struct cache_key *key)
{
	struct cache_key k = *key;
	if (text_ends(k.name, TEXT(".")))
		k.name.len--;
	if (!is_key(&k) || text_ends(k.name, TEXT(".")) ||
		buf_room(buf) < CACHE_KEY_HEADER_BYTES + k.name.len)
		return false;
	buf_put_u8(buf, (uint8_t)k.table);
	buf_put_u64(buf, k.generation);
	buf_put_u16(buf, k.number);
	for (size_t i = 0; i < k.name.len; i++)
		buf_put_u8(buf, text_lower((uint8_t)k.name.data[i]));
	return !buf->overflow;
}

bool cache_schema_get_key(struct text bytes, struct cache_key *out_key)
{
	struct buf_reader reader;
	buf_reader_init(&reader, bytes.data, bytes.len);
	*out_key = (struct cache_key){ .table = (enum cache_table)buf_reader_u8(&reader) };
	out_key->generation = buf_reader_u64(&reader);
	out_key->number = buf_reader_u16(&reader);
	out_key->name = buf_reader_text(&reader, buf_reader_left(&reader));
	if (!buf_reader_done(&reader) || !is_key(out_key) || text_ends(out_key->name, TEXT(".")))
		return false;
	for (size_t i = 0; i < out_key->name.len; i++) {
		uint8_t byte = (uint8_t)out_key->name.data[i];
		if (byte != text_lower(byte))
			return false;
	}
	return true;
}

/* ---- what must hold of every entry, written or read ---- */

static uint64_t life_max_s(const struct cache_entry *entry)
{
	enum dns_class class = DNS_FAILURE;
	switch (entry->key.table) {
	case CACHE_TABLE_STS: return entry->of.sts.max_age_s;
	case CACHE_TABLE_TLSA: class = entry->of.tlsa.class; break;
	case CACHE_TABLE_ANSWER: class = entry->of.answer.class; break;
	}
	switch (class) {
	case DNS_FAILURE: return 0;
	case DNS_SECURE_DATA:
	case DNS_INSECURE_DATA: return DNS_TTL_MAX_S;
	case DNS_SECURE_DENIAL:
	case DNS_INSECURE_DENIAL: return DNS_NEGATIVE_TTL_MAX_S;
	}
	return 0; /* a number from a file */
}

static const char *fault_of_tlsa(const struct tlsa_set *set)
{
	if ((set->count > 0) != dns_class_has_data(set->class))
		return "its records do not fit its class";
	if (set->count > TLSA_RECORDS_MAX || (set->truncated && set->count == 0))
		return "it has too many records";
	if (set->base_domain.len > DOMAIN_BYTES_MAX || !is_visible(set->base_domain))
		return "its base domain is no name";
	for (size_t i = 0; i < set->count; i++) {
		const struct tlsa_record *record = &set->records[i];
		if (record->data.len > TLSA_DATA_BYTES_MAX ||
			record->malformed != (record->data.len == 0) ||
			(record->too_large && !record->malformed))
			return "a record has a length that cannot be";
	}
	return NULL;
}

static const char *fault_of_answer(const struct dns_answer *answer)
{
	if (answer->bogus)
		return "its signatures are not good";
	if ((answer->rdata_count > 0) != dns_class_has_data(answer->class))
		return "its records do not fit its class";
	if (answer->nxdomain && answer->rdata_count > 0)
		return "it denies the name and has records";
	if (answer->rdata_count > DNS_RECORDS_MAX)
		return "it has too many records";
	for (size_t i = 0; i < answer->rdata_count; i++) {
		if (answer->rdata[i].len > UINT16_MAX)
			return "a record is too long";
	}
	if (answer->aliased && (answer->canonical_name.len == 0 ||
				       answer->canonical_name.len > CACHE_NAME_BYTES_MAX ||
				       !is_visible(answer->canonical_name)))
		return "the end of its aliases is no name";
	return answer->alias_secure && !answer->aliased ? "it has no alias to be secure" : NULL;
}

static bool is_id(struct text id)
{
	for (size_t i = 0; i < id.len; i++) {
		uint8_t lower = text_lower((uint8_t)id.data[i]);
		if (!((lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9')))
			return false;
	}
	return id.len > 0 && id.len <= CACHE_STS_ID_BYTES_MAX;
}

static const char *fault_of_sts(const struct cache_sts *sts)
{
	if (sts->mode != CACHE_STS_NONE && sts->mode != CACHE_STS_TESTING &&
		sts->mode != CACHE_STS_ENFORCE)
		return "its mode is none of the three";
	if (!is_id(sts->id))
		return "its id is not 1 to 32 letters and digits";
	if (sts->max_age_s > CACHE_STS_AGE_MAX_S)
		return "its max_age is too large";
	if (sts->mx_count == 0 && sts->mode != CACHE_STS_NONE)
		return "it has no mx pattern";
	if (sts->mx_count > CACHE_STS_POLICY_BYTES_MAX ||
		sts->policy.len > CACHE_STS_POLICY_BYTES_MAX)
		return "its policy is too long";
	for (size_t i = 0; i < sts->mx_count; i++) {
		if (sts->mx[i].len == 0 || sts->mx[i].len > UINT8_MAX || !is_visible(sts->mx[i]))
			return "an mx pattern is none";
	}
	return sts->tried_s > time_max_s ? "its renewal failed after the end of time" : NULL;
}

static const char *fault_of(const struct cache_entry *entry)
{
	const char *fault = NULL;
	switch (entry->key.table) {
	case CACHE_TABLE_TLSA: fault = fault_of_tlsa(&entry->of.tlsa); break;
	case CACHE_TABLE_STS: fault = fault_of_sts(&entry->of.sts); break;
	case CACHE_TABLE_ANSWER: fault = fault_of_answer(&entry->of.answer); break;
	}
	return fault == NULL && life_max_s(entry) == 0 ? "it is a failure or may not be kept"
						       : fault;
}

/* ---- bodies ---- */

static void put_tlsa(struct buf *buf, const struct tlsa_set *set)
{
	buf_put_u8(buf, (uint8_t)set->class);
	buf_put_u8(buf, set->truncated);
	buf_put_text16(buf, set->base_domain);
	buf_put_u8(buf, (uint8_t)set->count);
	for (size_t i = 0; i < set->count; i++) {
		const struct tlsa_record *record = &set->records[i];
		buf_put_u8(buf, record->usage);
		buf_put_u8(buf, record->selector);
		buf_put_u8(buf, record->matching);
		buf_put_u8(buf, record->too_large);
		buf_put_text16(buf, record->data); /* empty: malformed */
	}
}

/* Anything but 0 and 1 is an error: for each entry there is one form. */
static bool get_bool(struct buf_reader *reader)
{
	uint8_t byte = buf_reader_u8(reader);
	if (byte > 1)
		buf_reader_set_error(reader);
	return byte == 1;
}

/* An array whose elements take `bytes_min` each of what is left; NULL with the error set if not. */
static void *array_of(
	struct buf_reader *reader, struct arena *arena, size_t count, size_t size, size_t bytes_min)
{
	void *array = count <= buf_reader_left(reader) / bytes_min
			      ? arena_alloc_array(arena, count, size)
			      : NULL;
	if (array == NULL)
		buf_reader_set_error(reader);
	return array;
}

static void get_tlsa(struct buf_reader *reader, struct arena *arena, struct tlsa_set *out_set)
{
	struct tlsa_set set = { .class = (enum dns_class)buf_reader_u8(reader) };
	set.truncated = get_bool(reader);
	set.base_domain = buf_reader_text16(reader);
	size_t count = buf_reader_u8(reader);
	struct tlsa_record *records = array_of(reader, arena, count, sizeof *records, 6);
	for (size_t i = 0; records != NULL && i < count; i++) {
		records[i].usage = buf_reader_u8(reader);
		records[i].selector = buf_reader_u8(reader);
		records[i].matching = buf_reader_u8(reader);
		records[i].too_large = get_bool(reader);
		records[i].data = buf_reader_text16(reader);
		records[i].malformed = records[i].data.len == 0;
	}
	set.records = records;
	set.count = records != NULL ? count : 0;
	*out_set = set;
}

static void put_answer(struct buf *buf, const struct dns_answer *answer)
{
	buf_put_u8(buf, (uint8_t)answer->class);
	buf_put_u8(buf, (uint8_t)((answer->nxdomain ? FLAG_NXDOMAIN : 0) |
				  (answer->aliased ? FLAG_ALIASED : 0) |
				  (answer->alias_secure ? FLAG_ALIAS_SECURE : 0)));
	if (answer->aliased)
		buf_put_text16(buf, answer->canonical_name);
	buf_put_u8(buf, (uint8_t)answer->rdata_count);
	for (size_t i = 0; i < answer->rdata_count; i++)
		buf_put_text16(buf, text_of_bytes(answer->rdata[i].data, answer->rdata[i].len));
}

static void get_answer(struct buf_reader *reader, struct arena *arena, const struct cache_key *key,
	struct dns_answer *out_answer)
{
	struct dns_answer answer = { .class = (enum dns_class)buf_reader_u8(reader) };
	uint8_t flags = buf_reader_u8(reader);
	if ((flags & ~FLAGS) != 0)
		buf_reader_set_error(reader);
	answer.type = key->number;
	answer.nxdomain = (flags & FLAG_NXDOMAIN) != 0;
	answer.aliased = (flags & FLAG_ALIASED) != 0;
	answer.alias_secure = (flags & FLAG_ALIAS_SECURE) != 0;
	answer.extended_error = DNS_EXTENDED_ERROR_NONE;
	answer.name = key->name;
	answer.canonical_name = answer.aliased ? buf_reader_text16(reader) : key->name;
	size_t count = buf_reader_u8(reader);
	struct dns_rdata *rdata = array_of(reader, arena, count, sizeof *rdata, 2);
	for (size_t i = 0; rdata != NULL && i < count; i++) {
		struct text bytes = buf_reader_text16(reader);
		rdata[i] = (struct dns_rdata){ (const uint8_t *)bytes.data, bytes.len };
	}
	answer.rdata = rdata;
	answer.rdata_count = rdata != NULL ? count : 0;
	*out_answer = answer;
}

static void put_sts(struct buf *buf, const struct cache_sts *sts)
{
	buf_put_u8(buf, (uint8_t)sts->mode);
	buf_put_u8(buf, (uint8_t)sts->id.len);
	buf_put_text(buf, sts->id);
	buf_put_u32(buf, sts->max_age_s);
	buf_put_u32(buf, sts->failures);
	buf_put_u64(buf, sts->tried_s);
	buf_put_u32(buf, (uint32_t)sts->mx_count);
	for (size_t i = 0; i < sts->mx_count; i++) {
		buf_put_u8(buf, (uint8_t)sts->mx[i].len);
		buf_put_text(buf, sts->mx[i]);
	}
	buf_put_text32(buf, sts->policy);
}

static void get_sts(struct buf_reader *reader, struct arena *arena, struct cache_sts *out_sts)
{
	struct cache_sts sts = { .mode = (enum cache_sts_mode)buf_reader_u8(reader) };
	sts.id = buf_reader_text(reader, buf_reader_u8(reader));
	sts.max_age_s = buf_reader_u32(reader);
	sts.failures = buf_reader_u32(reader);
	sts.tried_s = buf_reader_u64(reader);
	size_t count = buf_reader_u32(reader);
	struct text *mx = array_of(reader, arena, count, sizeof *mx, 2);
	for (size_t i = 0; mx != NULL && i < count; i++)
		mx[i] = buf_reader_text(reader, buf_reader_u8(reader));
	sts.mx = mx;
	sts.mx_count = mx != NULL ? count : 0;
	sts.policy = buf_reader_text32(reader);
	*out_sts = sts;
}

/* ---- values ---- */

static uint32_t crc_of(struct text key, const uint8_t *value, size_t len)
{
	uLong crc = crc32_z(0, (const Bytef *)key.data, key.len);
	return (uint32_t)crc32_z(crc, value + TIMES_AT, len - TIMES_AT);
}

static void write_u32(uint8_t *at, uint32_t number)
{
	struct buf buf;
	buf_init(&buf, at, sizeof number);
	buf_put_u32(&buf, number);
}

static bool are_times(const struct cache_times *times)
{
	return times->fetched_s < times->expires_s && times->expires_s <= time_max_s;
}

static enum result refuse(const struct cache_entry *entry, const char *why, struct fail *fail)
{
	const char *table = cache_table_name(entry->key.table);
	return fail_set(fail, RESULT_INVALID, "the entry %s of %.*s is not kept: %s",
		table != NULL ? table : "of no table", TEXT_ARG(text_cut(entry->key.name, 100)),
		why);
}

static void put_whole(struct buf *buf, struct text key, const struct cache_entry *entry,
	const struct cache_times *times)
{
	size_t start = buf->len;
	buf_put_u8(buf, CACHE_VALUE_VERSION);
	buf_put_u32(buf, 0); /* the checksum */
	buf_put_u64(buf, times->fetched_s);
	buf_put_u64(buf, times->expires_s);
	switch (entry->key.table) {
	case CACHE_TABLE_TLSA: put_tlsa(buf, &entry->of.tlsa); break;
	case CACHE_TABLE_STS: put_sts(buf, &entry->of.sts); break;
	case CACHE_TABLE_ANSWER: put_answer(buf, &entry->of.answer); break;
	}
	if (!buf->overflow)
		write_u32(buf->data + start + CRC_AT,
			crc_of(key, buf->data + start, buf->len - start));
}

enum result cache_schema_put_value(
	struct buf *buf, struct text key, const struct cache_entry *entry, struct fail *fail)
{
	size_t start = buf->len;
	struct cache_times times = entry->times;
	CHECK(key.len > CACHE_KEY_HEADER_BYTES && (uint8_t)key.data[0] == entry->key.table);
	const char *fault = fault_of(entry);
	if (fault != NULL)
		return refuse(entry, fault, fail);
	if (times.fetched_s <= time_max_s && times.expires_s > times.fetched_s + life_max_s(entry))
		times.expires_s = times.fetched_s + life_max_s(entry);
	if (!are_times(&times))
		return refuse(entry, "it has no time to live", fail);
	if (buf->overflow)
		return fail_set(fail, RESULT_NO_SPACE, "no room for an entry of the cache");
	put_whole(buf, key, entry, &times);
	if (!buf->overflow && buf->len - start <= CACHE_VALUE_BYTES_MAX)
		return RESULT_OK;
	bool too_long = !buf->overflow;
	buf_truncate(buf, start);
	return too_long ? fail_set(fail, RESULT_TOO_LONG, "an entry is too large for the cache")
			: fail_set(fail, RESULT_NO_SPACE, "no room for an entry of the cache");
}

bool cache_schema_get_times(struct text key, struct text value, struct cache_times *out_times)
{
	struct buf_reader reader;
	buf_reader_init(&reader, value.data, value.len);
	uint8_t version = buf_reader_u8(&reader);
	uint32_t crc = buf_reader_u32(&reader);
	out_times->fetched_s = buf_reader_u64(&reader);
	out_times->expires_s = buf_reader_u64(&reader);
	return !reader.error && version == CACHE_VALUE_VERSION && are_times(out_times) &&
	       crc == crc_of(key, (const uint8_t *)value.data, value.len);
}

bool cache_schema_get_value(
	struct text key, struct text value, struct arena *arena, struct cache_entry *out_entry)
{
	struct cache_entry e = { 0 };
	struct buf_reader reader;
	if (!cache_schema_get_key(key, &e.key) || !cache_schema_get_times(key, value, &e.times) ||
		value.len > CACHE_VALUE_BYTES_MAX)
		return false;
	struct text body = text_skip(value, BODY_AT);
	buf_reader_init(&reader, body.data, body.len);
	switch (e.key.table) {
	case CACHE_TABLE_TLSA: get_tlsa(&reader, arena, &e.of.tlsa); break;
	case CACHE_TABLE_STS: get_sts(&reader, arena, &e.of.sts); break;
	case CACHE_TABLE_ANSWER: get_answer(&reader, arena, &e.key, &e.of.answer); break;
	}
	if (!buf_reader_done(&reader) || fault_of(&e) != NULL ||
		e.times.expires_s - e.times.fetched_s > life_max_s(&e))
		return false;
	if (e.key.table == CACHE_TABLE_ANSWER)
		e.of.answer.ttl_s = (uint32_t)(e.times.expires_s - e.times.fetched_s);
	*out_entry = e;
	return true;
}

void cache_schema_set_times(
	struct text key, uint8_t *value, size_t len, const struct cache_times *times)
{
	struct cache_times before;
	struct buf buf;
	CHECK(cache_schema_get_times(key, text_of_bytes(value, len), &before));
	CHECK(are_times(times) && times->expires_s <= before.expires_s);
	buf_init(&buf, value + TIMES_AT, BODY_AT - TIMES_AT);
	buf_put_u64(&buf, times->fetched_s);
	buf_put_u64(&buf, times->expires_s);
	write_u32(value + CRC_AT, crc_of(key, value, len));
}
