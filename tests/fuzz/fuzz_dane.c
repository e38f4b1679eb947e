/* Target: dane_verify, dane_match, cert_path, cert_name, tls_der, tlsa_usable, tlsa_text: a chain and
 * TLSA records that say anything.
 *
 * Input: one byte of settings. Then records, if bit 0 is set: up to 8, each a byte of length and rdata;
 * else those that match the real chain. Then, if bit 1 is set, certificates of two bytes of length
 * each; else changes to a real chain, three bytes each: a distance from the last change (two bytes) and
 * what is mixed into the byte there. Checked: a match is one (a leaf under usage 3 has what the
 * record says; under usage 2 nothing that was signed of the leaf was changed), a verdict is whole, what is
 * shown can be shown. */
#include <stdlib.h>
#include <string.h>
#include "engine/base/buf.h"
#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/base/tlsa_text.h"
#include "tests/unit/tls/test_ca.h"
#include "tls/cert_name.h"
#include "tls/dane_match.h"
#include "tls/dane_verify.h"
#include "tls/tls_der.h"
#include "tls/tlsa_usable.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	SETTING_RECORDS = 1,
	SETTING_CERTS = 2,
	SETTING_WITHOUT_ROOT = 4,
	SETTING_WRONG_NAME = 8,
	RECORDS_MAX = 8,
	CHAIN_BYTES_MAX = 16384,
};

static struct test_node root, middle, leaf;
static struct tlsa_record right[RECORDS_MAX];
static uint8_t digests[RECORDS_MAX][64];
static uint8_t chain_bytes[CHAIN_BYTES_MAX];

struct input {
	const uint8_t *data;
	size_t size;
};

static void record(size_t i, const struct test_node *node, uint8_t usage, uint8_t selector,
	uint8_t matching)
{
	right[i] = test_node_record(node, usage, selector, matching, digests[i]);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	root = test_node_authority("root", NULL);
	middle = test_node_authority("middle", &root);
	leaf = test_node_host("DNS:mx.example.com,DNS:*.example.org", &middle);
	record(0, &leaf, 3, 0, 1);
	record(1, &leaf, 3, 1, 2);
	record(2, &middle, 2, 0, 1);
	record(3, &middle, 2, 1, 1);
	record(4, &root, 2, 0, 0);
	record(5, &root, 2, 1, 0);
	record(6, &root, 2, 1, 2);
	record(7, &middle, 2, 0, 0);
	return 0;
}

static size_t take(struct input *in, size_t bytes)
{
	size_t number = 0;
	for (; bytes > 0 && in->size > 0; bytes--, in->data++, in->size--)
		number = number << 8 | in->data[0];
	return number;
}

static struct text take_bytes(struct input *in, size_t len)
{
	struct text bytes = text_of_bytes(in->data, len < in->size ? len : in->size);
	in->data += bytes.len;
	in->size -= bytes.len;
	return bytes;
}

static size_t take_records(struct input *in, struct tlsa_record *records)
{
	size_t count = 0;
	size_t wanted = 1 + take(in, 1) % RECORDS_MAX;
	while (in->size > 0 && count < wanted) {
		struct text rdata = take_bytes(in, take(in, 1));
		records[count++] = tlsa_record_of_rdata(
			&(struct dns_rdata){ (const uint8_t *)rdata.data, rdata.len });
	}
	return count;
}

static void take_chain(struct input *in, struct tls_chain *chain)
{
	while (in->size > 0 && chain->certs_count < TLS_CHAIN_MAX) {
		struct text der = take_bytes(in, take(in, 2));
		chain->certs[chain->certs_count++] =
			(struct tls_cert){ (const uint8_t *)der.data, der.len };
	}
}

static void change_chain(struct input *in, struct tls_chain *chain, uint8_t settings)
{
	const struct test_node *nodes[] = { &leaf, &middle, &root };
	size_t used = 0, at = 0;
	for (size_t i = 0; i < (settings & SETTING_WITHOUT_ROOT ? 2u : 3u); i++) {
		CHECK(used + nodes[i]->der.der_len <= sizeof chain_bytes);
		memcpy(chain_bytes + used, nodes[i]->der.der, nodes[i]->der.der_len);
		chain->certs[chain->certs_count++] =
			(struct tls_cert){ chain_bytes + used, nodes[i]->der.der_len };
		used += nodes[i]->der.der_len;
	}
	while (in->size >= 3) {
		at = (at + take(in, 2)) % used;
		chain_bytes[at] ^= (uint8_t)take(in, 1);
	}
}

static void check_printable(struct text text)
{
	CHECK(text.len > 0);
	for (size_t i = 0; i < text.len; i++)
		CHECK((uint8_t)text.data[i] >= 0x20 && (uint8_t)text.data[i] < 0x7f);
}

static void check_record_text(const struct tlsa_record *record)
{
	static char memory[3 * TLSA_DATA_BYTES_MAX];
	struct buf buf;
	buf_init(&buf, memory, sizeof memory);
	tlsa_text_put(&buf, record, TLSA_DATA_BYTES_MAX);
	check_printable(buf_text(&buf));
	if (record->malformed)
		return;
	struct tlsa_record again;
	struct arena arena;
	struct fail fail;
	arena_init(&arena, 4096, 1 << 20);
	CHECK(tlsa_text_parse(buf_text(&buf), &arena, &again, &fail) == RESULT_OK);
	CHECK(tlsa_record_compare(record, &again) == 0);
	arena_deinit(&arena);
}

/* The signed part of the leaf as it was issued: the certificate without what stands behind it. */
static void check_leaf_unchanged(const struct tls_cert *cert)
{
	const uint8_t *key;
	size_t key_len;
	CHECK(cert->der_len == leaf.der.der_len);
	CHECK(tls_der_find_key(cert->der, cert->der_len, &key, &key_len) == RESULT_OK);
	CHECK(memcmp(cert->der + 4, leaf.der.der + 4, (size_t)(key - cert->der) + key_len - 4) == 0);
}

static void check_verdict(const struct dane_question *question, const struct dane_verdict *verdict,
	bool leaf_is_ours)
{
	if (!verdict->is_match) {
		check_printable(text_of(verdict->reason));
		CHECK(verdict->failure != TLS_FAILURE_NONE);
		return;
	}
	CHECK(verdict->record < question->records_count);
	const struct tlsa_record *matched = &question->records[verdict->record];
	struct dane_subject subject;
	dane_subject_init(&subject, &question->chain->certs[0]);
	CHECK((matched->usage == 3) == (verdict->depth == 0));
	CHECK(matched->usage == 2 || dane_match(&subject, matched));
	if (matched->usage == 2) {
		CHECK(cert_name_matches(&question->chain->certs[0], CERT_NAME_ALTERNATIVE_OR_COMMON,
			CERT_NAME_WILDCARDS, question->names, question->names_count));
		CHECK(verdict->valid_until_s >= question->time_s);
		if (leaf_is_ours)
			check_leaf_unchanged(&question->chain->certs[0]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct tlsa_record given[RECORDS_MAX], usable[RECORDS_MAX];
	struct tls_chain chain = { .certs_count = 0 };
	uint8_t settings = (uint8_t)take(&in, 1);
	size_t count = RECORDS_MAX;
	memcpy(given, right, sizeof given);
	if (settings & SETTING_RECORDS)
		count = take_records(&in, given);
	for (size_t i = 0; i < count; i++)
		check_record_text(&given[i]);
	size_t usable_count = tlsa_usable(given, count, usable);
	CHECK(usable_count <= count);
	if (settings & SETTING_CERTS)
		take_chain(&in, &chain);
	else
		change_chain(&in, &chain, settings);

	const struct text name =
		settings & SETTING_WRONG_NAME ? TEXT("mx.example.net") : TEXT("mx.example.com");
	const struct dane_question question = { &chain, usable, usable_count, &name, 1,
		TEST_CA_NOW_S };
	struct dane_verdict verdict;
	dane_verify(&question, &verdict);
	/* With records of its own the input may bring an authority of its own as well. */
	check_verdict(&question, &verdict, !(settings & (SETTING_RECORDS | SETTING_CERTS)));
	if (chain.certs_count > 0) {
		char memory[300];
		struct buf buf;
		buf_init(&buf, memory, sizeof memory);
		cert_name_put(&buf, &chain.certs[0], CERT_NAME_ALTERNATIVE_OR_COMMON);
		check_printable(buf_text(&buf));
	}
	return 0;
}
