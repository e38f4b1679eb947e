/* The one place that knows which BoringSSL this is built with.
 *
 * Two are supported: the package of Debian 12 (android-libboringssl-dev, API version 17, shared) and
 * a current upstream build given by -Dboringssl=PREFIX (static). All of tls/ includes this header
 * and no header of BoringSSL by itself; what differs between the versions is settled here, by name
 * of a function that both then have. */
#ifndef TLS_BORINGSSL_H
#define TLS_BORINGSSL_H

#include <openssl/base.h>
#ifndef OPENSSL_IS_BORINGSSL
#error "these are headers of OpenSSL: install android-libboringssl-dev or give -Dboringssl=PREFIX"
#endif
#if BORINGSSL_API_VERSION < 17
#error "this BoringSSL is older than the package of Debian 12 (API version 17)"
#endif

#include <openssl/bio.h>
#include <openssl/bytestring.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/pem.h>
#include <openssl/pool.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>

/* The group of the key exchange, "X25519"; NULL while there is none. */
static inline const char *boringssl_group_name(const SSL *ssl)
{
#if BORINGSSL_API_VERSION >= 22
	uint16_t group = SSL_get_group_id(ssl);
	return group != 0 ? SSL_get_group_name(group) : NULL;
#else
	uint16_t group = SSL_get_curve_id(ssl);
	return group != 0 ? SSL_get_curve_name(group) : NULL;
#endif
}

/* Groups in order of preference, "X25519:P-256"; false when one is not known. */
static inline int boringssl_set_groups(SSL_CTX *ctx, const char *groups)
{
#if BORINGSSL_API_VERSION >= 19
	return SSL_CTX_set1_groups_list(ctx, groups);
#else
	return SSL_CTX_set1_curves_list(ctx, groups);
#endif
}

/* The context uses the pool, which must outlive it. */
static inline void boringssl_set_pool(SSL_CTX *ctx, CRYPTO_BUFFER_POOL *pool)
{
#if BORINGSSL_API_VERSION >= 41
	SSL_CTX_set1_buffer_pool(ctx, pool);
#else
	SSL_CTX_set0_buffer_pool(ctx, pool);
#endif
}

#endif
