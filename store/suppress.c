#include "store/suppress_internal.h"
#include <stdlib.h>
#include <zlib.h>
#include "engine/base/buf.h"
#include "engine/base/limits.h"
#include "store/lmdb_open.h"

enum {
	/* What a walk copies at once. */
	CHUNK_ENTRIES = 256,
};
static_assert((int)SUPPRESS_ADDRESS_MAX == (int)ADDRESS_BYTES_MAX, "every address has its place");

/* ---- errors ---- */

enum result suppress_fail(const struct suppress *s, int error, const char *doing, struct fail *fail)
{
	error = lmdb_error(s->env, error);
	return fail_set(fail, lmdb_result(error), "cannot %s the suppression list %s: %s", doing,
		s->folder, mdb_strerror(error));
}

enum result suppress_damaged(const struct suppress *s, const char *why, struct fail *fail)
{
	return fail_set(
		fail, RESULT_DAMAGED, "the suppression list %s is damaged: %s", s->folder, why);
}

/* ---- entries ---- */

static uint32_t checksum(struct text address, const uint8_t *value, size_t len)
{
	uLong crc = crc32(0, (const Bytef *)address.data, (uInt)address.len);
	return (uint32_t)crc32(crc, value, (uInt)len);
}

static void put_value(struct buf *buf, const struct suppress_entry *entry)
{
	buf_put_u8(buf, SUPPRESS_VERSION);
	buf_put_u64(buf, (uint64_t)entry->time_unix_s);
	buf_put_text16(buf, text_cut_utf8(entry->reason, SUPPRESS_REASON_MAX));
	buf_put_u32(buf, checksum(entry->address, buf->data, buf->len));
	CHECK(!buf->overflow);
}

/* Borrows from the value. */
static bool get_value(struct text address, MDB_val value, struct suppress_entry *out_entry)
{
	struct buf_reader reader;
	buf_reader_init(&reader, value.mv_data, value.mv_size);
	bool is_known = buf_reader_u8(&reader) == SUPPRESS_VERSION;
	*out_entry = (struct suppress_entry){ .address = address };
	out_entry->time_unix_s = (int64_t)buf_reader_u64(&reader);
	out_entry->reason = buf_reader_text16(&reader);
	size_t summed = reader.at;
	uint32_t sum = buf_reader_u32(&reader);
	return is_known && buf_reader_done(&reader) &&
	       out_entry->reason.len <= SUPPRESS_REASON_MAX &&
	       sum == checksum(address, value.mv_data, summed);
}

static enum result damaged_entry(const struct suppress *s, struct fail *fail)
{
	return suppress_damaged(s, "an entry is not as it was written", fail);
}

/* ---- reading ---- */

static bool may_be_address(struct text address)
{
	return address.len > 1 && address.len <= SUPPRESS_ADDRESS_MAX;
}

enum result suppress_find(struct suppress *s, struct text address, struct suppress_entry *out_entry,
	struct fail *fail)
{
	CHECK_OBJ(s, SUPPRESS_MAGIC);
	if (!may_be_address(address))
		return RESULT_NOT_FOUND; /* it cannot have been put */
	MDB_val key = suppress_val(address), value;
	int error = mdb_txn_renew(s->reader);
	if (error != 0)
		return suppress_fail(s, error, "read", fail);
	error = mdb_get(s->reader, s->dbi, &key, &value);
	bool fits = error == 0 && value.mv_size <= sizeof s->found;
	if (fits)
		memcpy(s->found, value.mv_data, value.mv_size);
	mdb_txn_reset(s->reader);
	if (error == MDB_NOTFOUND)
		return RESULT_NOT_FOUND;
	if (error != 0)
		return suppress_fail(s, error, "read", fail);
	value.mv_data = s->found;
	return fits && get_value(address, value, out_entry) ? RESULT_OK : damaged_entry(s, fail);
}

bool suppress_is_automatic(const struct suppress_entry *entry)
{
	return text_starts(entry->reason, TEXT(SUPPRESS_AUTOMATIC));
}

/* The mark stands under a key that no address is, behind the head and before all entries. */
static char mark_key[] = { 1 };

enum result suppress_applied_seq(struct suppress *s, uint64_t *out_seq, struct fail *fail)
{
	CHECK_OBJ(s, SUPPRESS_MAGIC);
	MDB_val key = { sizeof mark_key, mark_key }, value;
	struct buf_reader reader;
	*out_seq = 0;
	int error = mdb_txn_renew(s->reader);
	if (error != 0)
		return suppress_fail(s, error, "read", fail);
	error = mdb_get(s->reader, s->dbi, &key, &value);
	bool is_good = error == MDB_NOTFOUND;
	if (error == 0) {
		buf_reader_init(&reader, value.mv_data, value.mv_size);
		*out_seq = buf_reader_u64(&reader);
		is_good = buf_reader_done(&reader);
	}
	mdb_txn_reset(s->reader);
	if (error != 0 && error != MDB_NOTFOUND)
		return suppress_fail(s, error, "read", fail);
	return is_good ? RESULT_OK : damaged_entry(s, fail);
}

struct chunk {
	struct {
		uint8_t address[SUPPRESS_ADDRESS_MAX], value[SUPPRESS_VALUE_MAX];
		size_t address_len, value_len;
	} entries[CHUNK_ENTRIES];
	size_t count;
	bool is_damaged;
};

static void copy_entry(struct chunk *chunk, MDB_val key, MDB_val value)
{
	if (key.mv_size > SUPPRESS_ADDRESS_MAX || value.mv_size > SUPPRESS_VALUE_MAX) {
		chunk->is_damaged = true;
		return;
	}
	memcpy(chunk->entries[chunk->count].address, key.mv_data, key.mv_size);
	memcpy(chunk->entries[chunk->count].value, value.mv_data, value.mv_size);
	chunk->entries[chunk->count].address_len = key.mv_size;
	chunk->entries[chunk->count++].value_len = value.mv_size;
}

/* The entries behind `after`, in a transaction that is over on return. */
static int read_chunk(struct suppress *s, struct text after, struct chunk *chunk)
{
	MDB_cursor *cursor;
	MDB_val key = suppress_val(after), value;
	chunk->count = 0;
	int error = mdb_txn_renew(s->reader);
	if (error != 0)
		return error;
	error = mdb_cursor_open(s->reader, s->dbi, &cursor);
	if (error == 0) {
		error = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
		if (error == 0 && key.mv_size == after.len &&
			memcmp(key.mv_data, after.data, after.len) == 0)
			error = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
		while (error == 0 && chunk->count < CHUNK_ENTRIES && !chunk->is_damaged) {
			copy_entry(chunk, key, value);
			error = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
		}
		mdb_cursor_close(cursor);
	}
	mdb_txn_reset(s->reader);
	return error == MDB_NOTFOUND ? 0 : error;
}

static enum result visit_chunk(struct suppress *s, struct chunk *chunk, suppress_visit_fn *visit,
	void *context, struct fail *fail)
{
	enum result r = RESULT_OK;
	for (size_t i = 0; i < chunk->count && r == RESULT_OK; i++) {
		struct suppress_entry entry;
		struct text address =
			text_of_bytes(chunk->entries[i].address, chunk->entries[i].address_len);
		MDB_val value = { chunk->entries[i].value_len, chunk->entries[i].value };
		r = get_value(address, value, &entry) ? visit(&entry, context)
						      : damaged_entry(s, fail);
	}
	return r == RESULT_OK && chunk->is_damaged ? damaged_entry(s, fail) : r;
}

enum result suppress_walk(
	struct suppress *s, suppress_visit_fn *visit, void *context, struct fail *fail)
{
	CHECK_OBJ(s, SUPPRESS_MAGIC);
	struct chunk *chunk = calloc(1, sizeof *chunk);
	if (chunk == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory for the suppression list");
	uint8_t last[SUPPRESS_ADDRESS_MAX] = { (uint8_t)mark_key[0] };
	size_t last_len = sizeof mark_key; /* behind the head and the mark */
	enum result r = RESULT_OK;
	do {
		int error = read_chunk(s, text_of_bytes(last, last_len), chunk);
		if (error != 0) {
			r = suppress_fail(s, error, "read", fail);
			break;
		}
		r = visit_chunk(s, chunk, visit, context, fail);
		if (chunk->count > 0) {
			last_len = chunk->entries[chunk->count - 1].address_len;
			memcpy(last, chunk->entries[chunk->count - 1].address, last_len);
		}
	} while (r == RESULT_OK && chunk->count == CHUNK_ENTRIES);
	free(chunk);
	return r;
}

uint64_t suppress_count(const struct suppress *s)
{
	MDB_stat stat;
	MDB_val key = { sizeof mark_key, mark_key }, value;
	if (mdb_txn_renew(s->reader) != 0)
		return 0;
	bool is_there = mdb_stat(s->reader, s->dbi, &stat) == 0;
	uint64_t others = 1 + (mdb_get(s->reader, s->dbi, &key, &value) == 0); /* the head, the mark */
	mdb_txn_reset(s->reader);
	return is_there && stat.ms_entries > others ? stat.ms_entries - others : 0;
}

/* ---- writing ---- */

static enum result give_up(struct suppress *s, int error, struct fail *fail)
{
	if (s->writer != NULL)
		mdb_txn_abort(s->writer);
	s->writer = NULL;
	s->changes = 0;
	return suppress_fail(s, error, "write", fail);
}

static int begin(struct suppress *s)
{
	return s->writer != NULL ? 0 : mdb_txn_begin(s->env, NULL, 0, &s->writer);
}

static enum result changed(struct suppress *s, struct fail *fail)
{
	s->changes++;
	return s->changes < SUPPRESS_BATCH_MAX ? RESULT_OK : suppress_commit(s, fail);
}

enum result suppress_put(
	struct suppress *s, const struct suppress_entry *entry, bool *out_new, struct fail *fail)
{
	CHECK_OBJ(s, SUPPRESS_MAGIC);
	CHECK(may_be_address(entry->address));
	uint8_t memory[SUPPRESS_VALUE_MAX];
	struct buf buf;
	buf_init(&buf, memory, sizeof memory);
	put_value(&buf, entry);
	MDB_val key = suppress_val(entry->address), value = suppress_val(buf_text(&buf));
	int error = begin(s);
	if (error == 0)
		error = mdb_put(s->writer, s->dbi, &key, &value, MDB_NOOVERWRITE);
	*out_new = error == 0;
	if (error != 0 && error != MDB_KEYEXIST)
		return give_up(s, error, fail);
	return changed(s, fail);
}

enum result suppress_delete(
	struct suppress *s, struct text address, bool *out_there, struct fail *fail)
{
	CHECK_OBJ(s, SUPPRESS_MAGIC);
	*out_there = false;
	if (!may_be_address(address))
		return RESULT_OK;
	MDB_val key = suppress_val(address);
	int error = begin(s);
	if (error == 0)
		error = mdb_del(s->writer, s->dbi, &key, NULL);
	*out_there = error == 0;
	if (error != 0 && error != MDB_NOTFOUND)
		return give_up(s, error, fail);
	return changed(s, fail);
}

enum result suppress_set_applied_seq(struct suppress *s, uint64_t seq, struct fail *fail)
{
	CHECK_OBJ(s, SUPPRESS_MAGIC);
	uint8_t memory[8];
	struct buf buf;
	buf_init(&buf, memory, sizeof memory);
	buf_put_u64(&buf, seq);
	MDB_val key = { sizeof mark_key, mark_key }, value = suppress_val(buf_text(&buf));
	int error = begin(s);
	if (error == 0)
		error = mdb_put(s->writer, s->dbi, &key, &value, 0);
	return error == 0 ? RESULT_OK : give_up(s, error, fail);
}

enum result suppress_commit(struct suppress *s, struct fail *fail)
{
	CHECK_OBJ(s, SUPPRESS_MAGIC);
	MDB_txn *txn = s->writer;
	s->writer = NULL;
	s->changes = 0;
	int error = txn != NULL ? mdb_txn_commit(txn) : 0;
	return error == 0 ? RESULT_OK : suppress_fail(s, error, "write", fail);
}
