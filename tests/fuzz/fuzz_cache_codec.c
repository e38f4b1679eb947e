/* The cache's keys and values. The first octet chooses: (0) a key and a value as they are, (1) the same
 * with the checksum made right, so that what stands behind it is reached; the second is the key's
 * length. What is taken for an entry can be written again and is then the same, octet for octet. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "store/cache_schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	CRC_AT = 1,
	CRC_END = 5,
};

static void repair(struct text key, uint8_t *value, size_t len)
{
	if (len < CRC_END)
		return;
	uLong crc = crc32_z(0, (const Bytef *)key.data, key.len);
	crc = crc32_z(crc, value + CRC_END, len - CRC_END);
	for (size_t i = CRC_END; i-- > CRC_AT; crc >>= 8)
		value[i] = (uint8_t)crc;
}

static void check_key(struct text bytes)
{
	uint8_t memory[CACHE_KEY_BYTES_MAX];
	struct cache_key key;
	struct buf again;
	if (!cache_schema_get_key(bytes, &key))
		return;
	buf_init(&again, memory, sizeof memory);
	CHECK(cache_table_name(key.table) != NULL);
	CHECK(cache_schema_put_key(&again, &key));
	CHECK(text_equal(buf_text(&again), bytes));
}

static void check_value(struct text key, struct text value)
{
	static uint8_t memory[CACHE_VALUE_BYTES_MAX];
	struct cache_entry entry;
	struct cache_times times;
	struct arena arena;
	struct buf again;
	arena_init(&arena, 4096, 16 << 20);
	bool whole = cache_schema_get_times(key, value, &times);
	if (cache_schema_get_value(key, value, &arena, &entry)) {
		CHECK(whole && times.expires_s == entry.times.expires_s);
		CHECK(entry.times.expires_s > entry.times.fetched_s);
		CHECK(entry.key.table == CACHE_TABLE_STS ||
			entry.times.expires_s - entry.times.fetched_s <= DNS_TTL_MAX_S);
		buf_init(&again, memory, sizeof memory);
		CHECK(cache_schema_put_value(&again, key, &entry, NULL) == RESULT_OK);
		CHECK(text_equal(buf_text(&again), value));
	}
	CHECK(!arena_is_exhausted(&arena));
	arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	size_t len = size - 2, key_len = data[1] < len ? data[1] : len;
	/* In memory of their own length, so that each octet too far is seen. */
	uint8_t *key_copy = malloc(key_len > 0 ? key_len : 1),
		*value_copy = malloc(len - key_len + 1);
	CHECK(key_copy != NULL && value_copy != NULL);
	memcpy(key_copy, data + 2, key_len);
	memcpy(value_copy, data + 2 + key_len, len - key_len);
	struct text key = text_of_bytes(key_copy, key_len);
	if (data[0] % 2 == 1)
		repair(key, value_copy, len - key_len);
	uint8_t *value_end = realloc(value_copy, len - key_len > 0 ? len - key_len : 1);
	CHECK(value_end != NULL);
	check_key(key);
	check_value(key, text_of_bytes(value_end, len - key_len));
	free(value_end);
	free(key_copy);
	return 0;
}
