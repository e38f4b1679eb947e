/* The queue's keys and values. The first octet chooses the table, and whether the checksum is made right, so
 * that what stands behind it is reached; the second is the key's length. What is taken for an entry can be
 * written again and is then the same, octet for octet. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "store/queue_schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	CRC_AT = 1,
	CRC_END = 5,
};

static uint8_t again_memory[QUEUE_VALUE_BYTES_MAX];

static void repair(struct text key, uint8_t *value, size_t len)
{
	if (len < CRC_END)
		return;
	uLong crc = crc32_z(0, (const Bytef *)key.data, key.len);
	crc = crc32_z(crc, value + CRC_END, len - CRC_END);
	for (size_t i = CRC_END; i-- > CRC_AT; crc >>= 8)
		value[i] = (uint8_t)crc;
}

static void check_file(struct text name, struct text value, struct arena *arena)
{
	struct queue_file file;
	struct buf again;
	if (!queue_schema_get_file(name, value, arena, &file))
		return;
	CHECK(file.keys_count > 0);
	buf_init(&again, again_memory, sizeof again_memory);
	CHECK(queue_schema_put_file(&again, &file));
	CHECK(text_equal(buf_text(&again), value));
}

static void check_attempt(struct text key, struct text value, struct arena *arena)
{
	struct queue_attempt attempt;
	struct text name;
	struct buf again;
	if (!queue_schema_get_attempt(key, value, arena, &name, &attempt))
		return;
	CHECK(attempt.rcpts_count > 0);
	buf_init(&again, again_memory, sizeof again_memory);
	CHECK(queue_schema_put_attempt(&again, name, &attempt));
	CHECK(text_equal(buf_text(&again), value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena;
	if (size < 2 || (size_t)data[1] > size - 2)
		return 0;
	size_t value_len = size - 2 - data[1];
	uint8_t *value = malloc(value_len + 1);
	if (value == NULL)
		return 0;
	struct text key = text_of_bytes(data + 2, data[1]);
	memcpy(value, data + 2 + data[1], value_len);
	if (data[0] & 2)
		repair(key, value, value_len);
	arena_init(&arena, 4096, 16 << 20);
	if (data[0] & 1)
		check_file(key, text_of_bytes(value, value_len), &arena);
	else
		check_attempt(key, text_of_bytes(value, value_len), &arena);
	arena_deinit(&arena);
	free(value);
	return 0;
}
