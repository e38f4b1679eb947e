/* Contexts: what both roles share, and the client's two settings. */
#include "tls/tls_context.h"
#include <stdlib.h>
#include "tls/tls_internal.h"

/* (TLS-04) All of them ECDHE with AEAD, what most receivers prefer first. TLS 1.3 has its own list,
 * which BoringSSL keeps: AES-128-GCM first where the CPU helps, ChaCha20-Poly1305 first elsewhere. */
#define CIPHERS_MANDATORY                                                                          \
	"ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256:"                               \
	"ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES256-GCM-SHA384:"                               \
	"ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-CHACHA20-POLY1305"
/* (ruling TLS-05) ECDHE with CBC stays, last: better than the cleartext that would follow. */
#define CIPHERS_OPPORTUNISTIC                                                                      \
	CIPHERS_MANDATORY                                                                          \
	":ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES256-SHA:ECDHE-ECDSA-AES256-SHA"

/* (TLS-08) BoringSSL's own list lacks Ed25519 and P-521 and has SHA-1, which is here at the end and
 * for the opportunistic setting only. */
static const uint16_t signature_algorithms[] = {
	SSL_SIGN_ECDSA_SECP256R1_SHA256,
	SSL_SIGN_RSA_PSS_RSAE_SHA256,
	SSL_SIGN_RSA_PKCS1_SHA256,
	SSL_SIGN_ED25519,
	SSL_SIGN_ECDSA_SECP384R1_SHA384,
	SSL_SIGN_RSA_PSS_RSAE_SHA384,
	SSL_SIGN_RSA_PKCS1_SHA384,
	SSL_SIGN_ECDSA_SECP521R1_SHA512,
	SSL_SIGN_RSA_PSS_RSAE_SHA512,
	SSL_SIGN_RSA_PKCS1_SHA512,
	SSL_SIGN_RSA_PKCS1_SHA1,
};

enum {
	/* (TLS-20) A Certificate message: BoringSSL's own default, written down. Real chains have 2 to
	 * 8 KB; a sender of 100 KB costs its own session. */
	CERT_LIST_BYTES_MAX = 100 * 1024,
};

struct tls_pool *tls_pool_create(void)
{
	struct tls_pool *pool = calloc(1, sizeof *pool);
	if (pool == NULL)
		return NULL;
	pool->buffers = CRYPTO_BUFFER_POOL_new();
	if (pool->buffers == NULL) {
		free(pool);
		return NULL;
	}
	return pool;
}

void tls_pool_destroy(struct tls_pool *pool)
{
	if (pool == NULL)
		return;
	CRYPTO_BUFFER_POOL_free(pool->buffers);
	free(pool);
}

bool tls_context_set_versions(SSL_CTX *ssl_ctx, uint16_t min, uint16_t max)
{
	return SSL_CTX_set_min_proto_version(ssl_ctx, min) &&
	       SSL_CTX_set_max_proto_version(ssl_ctx, max);
}

/* The alerts that we send; those of the peer come as errors (tls_error.c). */
static void note_alert(const SSL *ssl, int type, int value)
{
	if (type != SSL_CB_WRITE_ALERT || value >> 8 != SSL3_AL_FATAL)
		return;
	struct tls_conn *conn = tls_conn_of_ssl(ssl);
	conn->alert_sent = true;
	conn->alert = (uint8_t)value;
}

struct tls_context *tls_context_create_empty(
	size_t ssl_ctx_count, uint32_t conns_max, struct fail *fail)
{
	struct tls_context *ctx = calloc(1, sizeof *ctx);
	if (ctx == NULL)
		goto no_memory;
	ctx->magic = TLS_CONTEXT_MAGIC;
	ctx->ssl_ctx_count = ssl_ctx_count;
	ctx->ssl_ctx = calloc(ssl_ctx_count, sizeof *ctx->ssl_ctx);
	ctx->names = calloc(ssl_ctx_count, sizeof *ctx->names);
	if (ctx->ssl_ctx == NULL || ctx->names == NULL || !tls_bio_create(ctx) ||
		slab_init(&ctx->conns, sizeof(struct tls_conn), conns_max) != RESULT_OK)
		goto no_memory;
	return ctx;

no_memory:
	tls_context_destroy(ctx);
	fail_set(fail, RESULT_MEMORY, "no memory for a TLS context of %u connections", conns_max);
	return NULL;
}

SSL_CTX *tls_context_new_ssl_ctx(struct tls_pool *pool, const char *groups, struct fail *fail)
{
	SSL_CTX *ssl_ctx = SSL_CTX_new(TLS_with_buffers_method());
	if (ssl_ctx == NULL) {
		fail_set(fail, RESULT_MEMORY, "no memory for a TLS context");
		return NULL;
	}
	boringssl_set_pool(ssl_ctx, pool->buffers);
	SSL_CTX_set_session_cache_mode(ssl_ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_cert_list(ssl_ctx, CERT_LIST_BYTES_MAX);
	SSL_CTX_set_info_callback(ssl_ctx, note_alert);
	if (!boringssl_set_groups(ssl_ctx, groups != NULL ? groups : TLS_GROUPS_DEFAULT)) {
		fail_set(fail, RESULT_INVALID,
			"the list of TLS groups '%s' has one that is not known", groups);
		SSL_CTX_free(ssl_ctx);
		ERR_clear_error();
		return NULL;
	}
	return ssl_ctx;
}

/* The connection narrows the versions by its demand; here stands what it starts from. */
static SSL_CTX *new_setting(
	const struct tls_client_config *config, bool is_mandatory, struct fail *fail)
{
	SSL_CTX *ssl_ctx = tls_context_new_ssl_ctx(config->pool, config->groups, fail);
	if (ssl_ctx == NULL)
		return NULL;
	size_t algorithms = COUNT_OF(signature_algorithms) - (is_mandatory ? 1 : 0);
	bool ok = tls_context_set_versions(ssl_ctx, TLS1_2_VERSION, TLS1_3_VERSION) &&
		  SSL_CTX_set_strict_cipher_list(
			  ssl_ctx, is_mandatory ? CIPHERS_MANDATORY : CIPHERS_OPPORTUNISTIC) &&
		  SSL_CTX_set_verify_algorithm_prefs(ssl_ctx, signature_algorithms, algorithms);
	CHECK(ok);
	/* No session is kept yet, so none is asked for. When sessions are (TLS-13, TLS-14), a resumed
	 * one is put before the verifier again: that holds from the first day. */
	SSL_CTX_set_options(ssl_ctx, SSL_OP_NO_TICKET);
	SSL_CTX_set_reverify_on_resume(ssl_ctx, 1);
	/* (TLS-09) Where BoringSSL knows the option; tls_verify.c checks in any case. */
	if (is_mandatory)
		SSL_CTX_clear_options(ssl_ctx, SSL_OP_LEGACY_SERVER_CONNECT);
	/* (SEC-21) With SSL_VERIFY_NONE a rejecting callback would be ignored: always PEER, and the
	 * callback decides, also that anything passes. */
	SSL_CTX_set_custom_verify(ssl_ctx, SSL_VERIFY_PEER, tls_verify_server);
	return ssl_ctx;
}

struct tls_context *tls_context_create_client(
	const struct tls_client_config *config, struct fail *fail)
{
	struct tls_context *ctx =
		tls_context_create_empty(TLS_CLIENT_SETTINGS, config->conns_max, fail);
	if (ctx == NULL)
		return NULL;
	ctx->verify = config->verify;
	ctx->verify_cancel = config->verify_cancel;
	ctx->verify_arg = config->verify_arg;
	ctx->may_version_min = config->may_version_min;
	for (size_t i = 0; i < TLS_CLIENT_SETTINGS; i++) {
		ctx->ssl_ctx[i] = new_setting(config, i == TLS_CLIENT_MANDATORY, fail);
		if (ctx->ssl_ctx[i] == NULL) {
			tls_context_destroy(ctx);
			return NULL;
		}
	}
	return ctx;
}

void tls_context_destroy(struct tls_context *ctx)
{
	if (ctx == NULL)
		return;
	CHECK_OBJ(ctx, TLS_CONTEXT_MAGIC);
	if (ctx->conns.memory != NULL)
		slab_deinit(&ctx->conns);
	tls_bio_destroy(ctx);
	for (size_t i = 0; i < ctx->ssl_ctx_count; i++) {
		if (ctx->ssl_ctx != NULL)
			SSL_CTX_free(ctx->ssl_ctx[i]);
		if (ctx->names != NULL)
			free(ctx->names[i]);
	}
	free(ctx->ssl_ctx);
	free(ctx->names);
	ctx->magic = 0;
	free(ctx);
}

uint32_t tls_context_conns_in_use(const struct tls_context *ctx)
{
	CHECK_OBJ(ctx, TLS_CONTEXT_MAGIC);
	return slab_in_use(&ctx->conns);
}
