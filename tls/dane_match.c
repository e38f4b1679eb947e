#include "tls/dane_match.h"
#include "engine/base/check.h"
#include "tls/boringssl.h"
#include "tls/tls_der.h"
#include "tls/tls_verify.h"

static_assert(TLSA_SELECTOR_CERT == 0 && TLSA_SELECTOR_SPKI == 1, "the selector is an index");

void dane_subject_init(struct dane_subject *subject, const struct tls_cert *cert)
{
	const uint8_t *key;
	size_t key_len;
	*subject = (struct dane_subject){ 0 };
	subject->selected[TLSA_SELECTOR_CERT] = text_of_bytes(cert->der, cert->der_len);
	if (tls_der_find_key(cert->der, cert->der_len, &key, &key_len) == RESULT_OK)
		subject->selected[TLSA_SELECTOR_SPKI] = text_of_bytes(key, key_len);
}

static struct text sha256_of(struct dane_subject *subject, uint8_t selector)
{
	uint8_t *digest = subject->sha256[selector];
	struct text selected = subject->selected[selector];
	if (!subject->has_sha256[selector])
		SHA256((const uint8_t *)selected.data, selected.len, digest);
	subject->has_sha256[selector] = true;
	return text_of_bytes(digest, sizeof subject->sha256[0]);
}

static struct text sha512_of(struct dane_subject *subject, uint8_t selector)
{
	uint8_t *digest = subject->sha512[selector];
	struct text selected = subject->selected[selector];
	if (!subject->has_sha512[selector])
		SHA512((const uint8_t *)selected.data, selected.len, digest);
	subject->has_sha512[selector] = true;
	return text_of_bytes(digest, sizeof subject->sha512[0]);
}

bool dane_match(struct dane_subject *subject, const struct tlsa_record *record)
{
	CHECK(!record->malformed && record->selector < DANE_SELECTORS);
	if (subject->selected[record->selector].len == 0)
		return false;
	switch (record->matching) {
	case TLSA_MATCHING_FULL:
		return text_equal(subject->selected[record->selector], record->data);
	case TLSA_MATCHING_SHA256:
		return text_equal(sha256_of(subject, record->selector), record->data);
	case TLSA_MATCHING_SHA512:
		return text_equal(sha512_of(subject, record->selector), record->data);
	default: break;
	}
	UNREACHABLE("a matching type that is not usable");
}
