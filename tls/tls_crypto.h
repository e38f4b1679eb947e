/* Digests and random bytes for those who may not include BoringSSL's headers. */
#ifndef TLS_TLS_CRYPTO_H
#define TLS_TLS_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

enum { TLS_SHA256_LEN = 32 };

/* Running SHA-256: init, add any number of pieces, finish once. Plain memory, nothing to free. */
struct tls_sha256 {
	_Alignas(8) uint8_t state[112];
};

void tls_sha256_init(struct tls_sha256 *hash);
void tls_sha256_add(struct tls_sha256 *hash, const void *data, size_t len);
void tls_sha256_finish(struct tls_sha256 *hash, uint8_t out[TLS_SHA256_LEN]);

/* The same in one call. */
void tls_sha256_of(const void *data, size_t len, uint8_t out[TLS_SHA256_LEN]);

/* Unpredictable bytes; cannot fail. Thread-safe. */
void tls_random_fill(void *out, size_t len);

#endif
