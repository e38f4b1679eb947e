#include "store/queue_schema.h"
#include <zlib.h>

enum { HEADER_BYTES = 1 + 4 };

/* ---- the frame of a value ---- */

static uint32_t checksum(struct text key, const uint8_t *body, size_t len)
{
	uLong crc = crc32(0, (const Bytef *)key.data, (uInt)key.len);
	return (uint32_t)crc32(crc, body, (uInt)len);
}

static void begin_value(struct buf *buf)
{
	buf_put_u8(buf, QUEUE_VALUE_VERSION);
	buf_put_u32(buf, 0); /* until the body is there */
}

static bool end_value(struct buf *buf, size_t start, struct text key)
{
	if (buf->overflow || buf->len - start > QUEUE_VALUE_BYTES_MAX) {
		buf_truncate(buf, start);
		return false;
	}
	uint8_t *value = buf->data + start;
	uint32_t crc = checksum(key, value + HEADER_BYTES, buf->len - start - HEADER_BYTES);
	for (int i = 0; i < 4; i++)
		value[1 + i] = (uint8_t)(crc >> (24 - 8 * i));
	return true;
}

static bool open_value(struct buf_reader *reader, struct text key, struct text value)
{
	buf_reader_init(reader, value.data, value.len);
	bool is_known = buf_reader_u8(reader) == QUEUE_VALUE_VERSION;
	uint32_t crc = buf_reader_u32(reader);
	return is_known && !reader->error && value.len <= QUEUE_VALUE_BYTES_MAX &&
	       crc == checksum(key, (const uint8_t *)value.data + HEADER_BYTES, value.len - HEADER_BYTES);
}

/* ---- keys ---- */

void queue_schema_put_key(struct buf *buf, const struct queue_key *key)
{
	buf_put_u64(buf, key->due_us);
	buf_put_u64(buf, key->id);
}

bool queue_schema_get_key(struct text bytes, struct queue_key *out_key)
{
	struct buf_reader reader;
	buf_reader_init(&reader, bytes.data, bytes.len);
	out_key->due_us = buf_reader_u64(&reader);
	out_key->id = buf_reader_u64(&reader);
	return buf_reader_done(&reader);
}

/* ---- files ---- */

bool queue_schema_put_file(struct buf *buf, const struct queue_file *file)
{
	size_t start = buf->len;
	CHECK(file->keys_count > 0);
	begin_value(buf);
	buf_put_u64(buf, file->file.inode);
	buf_put_u64(buf, (uint64_t)file->file.birth_ns);
	buf_put_u64(buf, (uint64_t)file->file.modified_ns);
	buf_put_u64(buf, file->file.bytes);
	buf_put_u64(buf, file->accepted_us);
	buf_put_u8(buf, file->class);
	buf_put_text16(buf, file->from);
	buf_put_text16(buf, file->id);
	buf_put_text16(buf, file->job);
	buf_put_u32(buf, file->rcpts_left);
	buf_put_u32(buf, file->keys_count);
	for (uint32_t i = 0; i < file->keys_count; i++)
		queue_schema_put_key(buf, &file->keys[i]);
	return end_value(buf, start, file->file.name);
}

static bool get_keys(struct buf_reader *reader, struct arena *arena, struct queue_file *file)
{
	file->keys_count = buf_reader_u32(reader);
	if (reader->error || file->keys_count == 0 ||
		file->keys_count != buf_reader_left(reader) / QUEUE_KEY_BYTES)
		return false;
	struct queue_key *keys = arena_alloc_array(arena, file->keys_count, sizeof *keys);
	if (keys == NULL)
		return false;
	for (uint32_t i = 0; i < file->keys_count; i++) {
		keys[i].due_us = buf_reader_u64(reader);
		keys[i].id = buf_reader_u64(reader);
	}
	file->keys = keys;
	return true;
}

bool queue_schema_get_file(
	struct text name, struct text value, struct arena *arena, struct queue_file *out_file)
{
	struct buf_reader reader;
	*out_file = (struct queue_file){ .file.name = name };
	if (!open_value(&reader, name, value))
		return false;
	out_file->file.inode = buf_reader_u64(&reader);
	out_file->file.birth_ns = (int64_t)buf_reader_u64(&reader);
	out_file->file.modified_ns = (int64_t)buf_reader_u64(&reader);
	out_file->file.bytes = buf_reader_u64(&reader);
	out_file->accepted_us = buf_reader_u64(&reader);
	out_file->class = buf_reader_u8(&reader);
	out_file->from = buf_reader_text16(&reader);
	out_file->id = buf_reader_text16(&reader);
	out_file->job = buf_reader_text16(&reader);
	out_file->rcpts_left = buf_reader_u32(&reader);
	return get_keys(&reader, arena, out_file) && buf_reader_done(&reader);
}

/* ---- attempts ---- */

static void put_key_text(uint8_t memory[static QUEUE_KEY_BYTES], const struct queue_key *key)
{
	struct buf buf;
	buf_init(&buf, memory, QUEUE_KEY_BYTES);
	queue_schema_put_key(&buf, key);
}

enum {
	FLAG_TRANSACTIONAL = 1,
	FLAG_HELD = 2,
	FLAG_DROPPED = 4,
	FLAG_WARNED = 8,
	FLAG_EARLY = 16, /* next_us stands behind the flags: it is not that of the key */
	FLAG_AWAY = 32,
	FLAGS = 63,
};

static uint8_t flags_of(const struct queue_attempt *attempt)
{
	return (uint8_t)((attempt->transactional ? FLAG_TRANSACTIONAL : 0) |
			 (attempt->is_held ? FLAG_HELD : 0) |
			 (attempt->is_dropped ? FLAG_DROPPED : 0) |
			 (attempt->is_warned ? FLAG_WARNED : 0) |
			 (attempt->is_away ? FLAG_AWAY : 0) |
			 (attempt->next_us > attempt->key.due_us ? FLAG_EARLY : 0));
}

bool queue_schema_put_attempt(
	struct buf *buf, struct text name, const struct queue_attempt *attempt)
{
	uint8_t key[QUEUE_KEY_BYTES];
	size_t start = buf->len;
	CHECK(attempt->rcpts_count > 0);
	begin_value(buf);
	buf_put_text16(buf, name);
	buf_put_u64(buf, attempt->expires_us);
	buf_put_u32(buf, attempt->number);
	buf_put_u32(buf, attempt->waits);
	buf_put_u8(buf, flags_of(attempt));
	if (flags_of(attempt) & FLAG_EARLY)
		buf_put_u64(buf, attempt->next_us);
	buf_put_text16(buf, attempt->domain);
	buf_put_text16(buf, attempt->source);
	buf_put_text16(buf, text_cut_utf8(attempt->last, QUEUE_LAST_MAX));
	buf_put_u32(buf, attempt->rcpts_count);
	for (uint32_t i = 0; i < attempt->rcpts_count; i++) {
		buf_put_u32(buf, attempt->rcpts[i].rcpt);
		buf_put_text16(buf, attempt->rcpts[i].address);
	}
	put_key_text(key, &attempt->key);
	return end_value(buf, start, text_of_bytes(key, sizeof key));
}

static bool get_rcpts(struct buf_reader *reader, struct arena *arena, struct queue_attempt *attempt)
{
	enum { RCPT_BYTES_MIN = 4 + 2 };
	attempt->rcpts_count = buf_reader_u32(reader);
	if (reader->error || attempt->rcpts_count == 0 ||
		attempt->rcpts_count > buf_reader_left(reader) / RCPT_BYTES_MIN)
		return false;
	struct queue_rcpt *rcpts = arena_alloc_array(arena, attempt->rcpts_count, sizeof *rcpts);
	if (rcpts == NULL)
		return false;
	for (uint32_t i = 0; i < attempt->rcpts_count; i++) {
		rcpts[i].rcpt = buf_reader_u32(reader);
		rcpts[i].address = buf_reader_text16(reader);
	}
	attempt->rcpts = rcpts;
	return true;
}

bool queue_schema_get_attempt(struct text key, struct text value, struct arena *arena,
	struct text *out_name, struct queue_attempt *out_attempt)
{
	struct buf_reader reader;
	*out_attempt = (struct queue_attempt){ 0 };
	if (!queue_schema_get_key(key, &out_attempt->key) || !open_value(&reader, key, value))
		return false;
	*out_name = buf_reader_text16(&reader);
	out_attempt->expires_us = buf_reader_u64(&reader);
	out_attempt->number = buf_reader_u32(&reader);
	out_attempt->waits = buf_reader_u32(&reader);
	uint8_t flags = buf_reader_u8(&reader);
	out_attempt->transactional = flags & FLAG_TRANSACTIONAL;
	out_attempt->is_held = flags & FLAG_HELD;
	out_attempt->is_dropped = flags & FLAG_DROPPED;
	out_attempt->is_warned = flags & FLAG_WARNED;
	out_attempt->is_away = flags & FLAG_AWAY;
	out_attempt->next_us = flags & FLAG_EARLY ? buf_reader_u64(&reader) : out_attempt->key.due_us;
	out_attempt->domain = buf_reader_text16(&reader);
	out_attempt->source = buf_reader_text16(&reader);
	out_attempt->last = buf_reader_text16(&reader);
	bool is_early = out_attempt->next_us > out_attempt->key.due_us;
	return flags <= FLAGS && is_early == ((flags & FLAG_EARLY) != 0) &&
		out_attempt->last.len <= QUEUE_LAST_MAX && get_rcpts(&reader, arena, out_attempt) &&
		buf_reader_done(&reader);
}
