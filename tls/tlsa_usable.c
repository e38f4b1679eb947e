#include "tls/tlsa_usable.h"
#include <stdbool.h>
#include <string.h>
#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "tls/tls_der.h"

/* TLSA-13: the strongest first. A digest without a row makes a record unusable (TLSA-06). */
static const struct {
	uint8_t matching;
	size_t bytes;
} digests[] = {
	{ TLSA_MATCHING_SHA512, 64 },
	{ TLSA_MATCHING_SHA256, 32 },
};

/* The row of a matching type; COUNT_OF(digests): it is no digest. */
static size_t digest_rank(uint8_t matching)
{
	size_t rank = 0;
	while (rank < COUNT_OF(digests) && digests[rank].matching != matching)
		rank++;
	return rank;
}

static bool is_whole_element(const struct tlsa_record *record)
{
	const uint8_t *der = (const uint8_t *)record->data.data;
	if (record->selector == TLSA_SELECTOR_CERT)
		return tls_der_is_certificate(der, record->data.len);
	return tls_der_is_key(der, record->data.len);
}

static bool is_usable(const struct tlsa_record *record)
{
	if (record->malformed)
		return false;
	/* RFC 7672 3.1.3: 0 and 1 are undefined for SMTP, and never taken for 2 and 3. */
	if (record->usage != TLSA_USAGE_DANE_TA && record->usage != TLSA_USAGE_DANE_EE)
		return false;
	if (record->selector != TLSA_SELECTOR_CERT && record->selector != TLSA_SELECTOR_SPKI)
		return false;
	if (record->matching == TLSA_MATCHING_FULL)
		return is_whole_element(record);
	size_t rank = digest_rank(record->matching);
	return rank < COUNT_OF(digests) && record->data.len == digests[rank].bytes;
}

/* A digest is outdone by a stronger one of the same usage and selector, if that can be used itself. */
static bool is_outdone(
	const struct tlsa_record *record, const struct tlsa_record *records, size_t count)
{
	if (record->matching == TLSA_MATCHING_FULL)
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct tlsa_record *other = &records[i];
		if (other->usage == record->usage && other->selector == record->selector &&
			other->matching != TLSA_MATCHING_FULL &&
			digest_rank(other->matching) < digest_rank(record->matching) &&
			is_usable(other))
			return true;
	}
	return false;
}

static void insert_sorted(struct tlsa_record *out, size_t *count, const struct tlsa_record *record)
{
	size_t at = *count;
	while (at > 0 && tlsa_record_compare(&out[at - 1], record) > 0)
		at--;
	if (at > 0 && tlsa_record_compare(&out[at - 1], record) == 0)
		return;
	memmove(&out[at + 1], &out[at], (*count - at) * sizeof *out);
	out[at] = *record;
	++*count;
}

size_t tlsa_usable(const struct tlsa_record *records, size_t count, struct tlsa_record *out)
{
	CHECK(count <= TLSA_RECORDS_MAX); /* each is compared with each */
	size_t kept = 0;
	for (size_t i = 0; i < count; i++)
		if (is_usable(&records[i]) && !is_outdone(&records[i], records, count))
			insert_sorted(out, &kept, &records[i]);
	return kept;
}
