/* What the cache keeps and how it looks in bytes: all tables, keys and codecs, here alone. Pure:
 * memory in, memory out; the fuzzer lives here.
 *
 *   key     table u8 · generation u64 · number u16 · name
 *   value   version u8 · crc u32 · fetched u64 · expires u64 · body of the table
 *
 * Numbers in network byte order; crc = CRC-32 of the key and of everything behind the crc, so that a
 * value under another key is damage too (DNS-27). The name is in lower case without a dot at the
 * end (DNS-36).
 *
 * Times are seconds of the wall clock since 1970. An entry may be used from `fetched` until before
 * `expires`, which is absolute: no reading moves it (DNS-12). What is written expires no later than
 * its kind allows (DNS-13, DNS-17, STS-39), whatever the caller says, and what is read and lives
 * longer than that is damage. What may not be kept cannot be written: failures and bogus answers
 * (DNS-18, DNS-19), TTL 0 (DNS-14), max_age 0. */
#ifndef STORE_CACHE_SCHEMA_H
#define STORE_CACHE_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/base/arena.h"
#include "engine/base/buf.h"
#include "engine/base/check.h"
#include "engine/base/dns_answer.h"
#include "engine/base/limits.h"
#include "engine/base/result.h"
#include "engine/base/text.h"
#include "engine/base/tlsa.h"

enum cache_table {
#define CACHE_TABLE(name, number, text, meaning) CACHE_TABLE_##name = number,
#include "store/cache_table.def"
#undef CACHE_TABLE
};

enum {
	/* Of the whole file: another one is set aside (cache.h). Raised with any change of a key or of the
	 * head. */
	CACHE_SCHEMA_VERSION = 2,
	CACHE_VALUE_VERSION = 1,
	CACHE_KEY_HEADER_BYTES = 1 + 8 + 2,
	CACHE_KEY_BYTES_MAX = CACHE_KEY_HEADER_BYTES + DOMAIN_BYTES_MAX,
	/* A policy of 64 KiB and its patterns once more; whatever fits into a DNS message is less. */
	CACHE_VALUE_BYTES_MAX = 160 * 1024,
	/* RFC 8461 3.2. */
	CACHE_STS_AGE_MAX_S = 31557600,
	CACHE_STS_POLICY_BYTES_MAX = 64 * 1024,
	CACHE_STS_ID_BYTES_MAX = 32, /* RFC 8461 3.1 */
	/* The escaped form of a name of 255 octets (RFC 1035 5.1) has no more. */
	CACHE_NAME_BYTES_MAX = 1024,
};

struct cache_key {
	enum cache_table table;
	/* (DNS-25) Stands for the resolver's configuration: trust anchors, insecure domains,
	 * forwarders. With another one nothing of the DNS is found. STS: 0. */
	uint64_t generation;
	uint16_t number;  /* TLSA: the port. ANSWER: enum dns_type. STS: 0 */
	struct text name; /* TLSA: the MX host. ANSWER: of the question. STS: the policy domain */
};

struct cache_times {
	uint64_t fetched_s;
	uint64_t expires_s;
};

/* Values as they stand in files. */
enum cache_sts_mode {
	CACHE_STS_NONE = 1,
	CACHE_STS_TESTING = 2,
	CACHE_STS_ENFORCE = 3,
};

/* RFC 8461 3.1, 3.2. (STS-44) The id is the one that was published when the policy was fetched. */
struct cache_sts {
	enum cache_sts_mode mode;
	struct text id;        /* 1 to 32 letters and digits */
	uint32_t max_age_s;    /* at most CACHE_STS_AGE_MAX_S; expires = fetched + this (STS-39) */
	const struct text *mx; /* the patterns as written; some, unless the mode is none */
	size_t mx_count;
	uint32_t failures;  /* renewals that failed since the fetch (STS-41) */
	uint64_t tried_s;   /* when the last of them was; 0: none */
	struct text policy; /* (STS-47) the file as it came; may be empty */
};

struct cache_entry {
	struct cache_key key;
	struct cache_times times;
	union { /* by key.table */
		struct tlsa_set tlsa;
		struct cache_sts sts;
		/* Without refs, why, bogus and extended_error. name and type are those of the key;
		 * canonical_name equals name unless aliased. Written: ttl_s is not looked at. Read:
		 * ttl_s is the whole life (cache_get() makes it what is left). */
		struct dns_answer answer;
	} of;
};

/* "tlsa"; NULL for a number that is no table. */
const char *cache_table_name(enum cache_table table);

/* Appends the key, with the name in lower case and without one dot at its end. False, and nothing
 * appended, for one that cannot be: an empty, too long or unprintable name, a type that is not
 * kept, a port 0, a generation or number beside STS. */
MUST_USE bool cache_schema_put_key(struct buf *buf, const struct cache_key *key);
/* False for what the function above does not make. The name is borrowed from `bytes`. */
MUST_USE bool cache_schema_get_key(struct text bytes, struct cache_key *out_key);

/* Appends the value that belongs to the key (as put by the function above). RESULT_INVALID with a
 * sentence for what may not be kept, RESULT_TOO_LONG for what is larger than CACHE_VALUE_BYTES_MAX,
 * RESULT_NO_SPACE if `buf` has no room; nothing is appended then. */
MUST_USE enum result cache_schema_put_value(
	struct buf *buf, struct text key, const struct cache_entry *entry, struct fail *fail);
/* False for damage, or when the arena is exhausted (then it says so). Texts are borrowed from `key`
 * and `value`; arrays are in the arena. */
MUST_USE bool cache_schema_get_value(
	struct text key, struct text value, struct arena *arena, struct cache_entry *out_entry);

/* The times of a value whose version and checksum are right; else false. */
MUST_USE bool cache_schema_get_times(
	struct text key, struct text value, struct cache_times *out_times);
/* Writes other times into such a value, and its checksum anew. Never a later end (checked). */
void cache_schema_set_times(
	struct text key, uint8_t *value, size_t len, const struct cache_times *times);

#endif
