#include "tls/tls_crypto.h"
#include <string.h>
#include "engine/base/check.h"
#include "tls/boringssl.h"

static_assert(sizeof(SHA256_CTX) <= sizeof(struct tls_sha256), "the running hash fits");
static_assert(SHA256_DIGEST_LENGTH == TLS_SHA256_LEN, "SHA-256 is 32 bytes");

static SHA256_CTX *ctx_of(struct tls_sha256 *hash) { return (SHA256_CTX *)(void *)hash->state; }

void tls_sha256_init(struct tls_sha256 *hash) { SHA256_Init(ctx_of(hash)); }

void tls_sha256_add(struct tls_sha256 *hash, const void *data, size_t len)
{
	SHA256_Update(ctx_of(hash), data, len);
}

void tls_sha256_finish(struct tls_sha256 *hash, uint8_t out[TLS_SHA256_LEN])
{
	SHA256_Final(out, ctx_of(hash));
}

void tls_sha256_of(const void *data, size_t len, uint8_t out[TLS_SHA256_LEN])
{
	SHA256(data, len, out);
}

void tls_random_fill(void *out, size_t len) { RAND_bytes(out, len); }
