/* The server's side of contexts, for longship-sink: certificates from files, chosen by SNI. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "tls/tls_internal.h"

enum { SERVER_CHAIN_MAX = 64 }; /* certificates in one PEM file: more than a client looks at */

static EVP_PKEY *load_key(const char *path, struct fail *fail)
{
	BIO *file = BIO_new_file(path, "r");
	if (file == NULL) {
		ERR_clear_error();
		fail_set(fail, RESULT_IO, "cannot read the private key in %s", path);
		return NULL;
	}
	EVP_PKEY *key = PEM_read_bio_PrivateKey(file, NULL, NULL, NULL);
	BIO_free(file);
	if (key == NULL) {
		ERR_clear_error();
		fail_set(fail, RESULT_INVALID, "no private key in PEM form in %s", path);
	}
	return key;
}

static enum result load_identity(SSL_CTX *ssl_ctx, const struct tls_identity *identity,
	struct tls_pool *pool, struct fail *fail)
{
	CRYPTO_BUFFER *certs[SERVER_CHAIN_MAX];
	size_t certs_count;
	enum result result = tls_pem_read_chain(identity->chain_path, pool->buffers, certs,
		SERVER_CHAIN_MAX, &certs_count, fail);
	if (result != RESULT_OK)
		return result;
	EVP_PKEY *key = load_key(identity->key_path, fail);
	result = key != NULL ? RESULT_OK : RESULT_INVALID;
	if (key != NULL &&
		!SSL_CTX_set_chain_and_key(ssl_ctx, certs, certs_count, key, NULL)) {
		ERR_clear_error();
		result = fail_set(fail, RESULT_INVALID,
			"the first certificate in %s is not of the key in %s", identity->chain_path,
			identity->key_path);
	}
	EVP_PKEY_free(key);
	tls_pem_free_chain(certs, certs_count);
	return result;
}

/* RFC 6066 3: a server that does not know the name may go on with what it has, or refuse. */
static int choose_by_name(SSL *ssl, int *out_alert, void *arg)
{
	struct tls_context *ctx = arg;
	CHECK_OBJ(ctx, TLS_CONTEXT_MAGIC);
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	if (name == NULL)
		return SSL_TLSEXT_ERR_NOACK;
	for (size_t i = 0; i < ctx->ssl_ctx_count; i++) {
		if (ctx->names[i] == NULL || strcasecmp(ctx->names[i], name) != 0)
			continue;
		SSL_set_SSL_CTX(ssl, ctx->ssl_ctx[i]);
		return SSL_TLSEXT_ERR_OK;
	}
	if (!ctx->unknown_name_is_fatal)
		return SSL_TLSEXT_ERR_NOACK;
	*out_alert = SSL_AD_UNRECOGNIZED_NAME;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void ask_for_client_cert(SSL_CTX *ssl_ctx, enum tls_client_cert client_cert)
{
	switch (client_cert) {
	case TLS_CLIENT_CERT_IGNORED: return;
	case TLS_CLIENT_CERT_REQUESTED:
		SSL_CTX_set_custom_verify(ssl_ctx, SSL_VERIFY_PEER, tls_verify_client);
		return;
	case TLS_CLIENT_CERT_REQUIRED:
		SSL_CTX_set_custom_verify(ssl_ctx,
			SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, tls_verify_client);
		return;
	}
	UNREACHABLE("client_cert");
}

static enum result set_limits(
	SSL_CTX *ssl_ctx, const struct tls_server_config *config, struct fail *fail)
{
	uint16_t min = config->version_min != 0 ? config->version_min : TLS_VERSION_1_2;
	uint16_t max = config->version_max != 0 ? config->version_max : TLS_VERSION_1_3;
	enum result result = RESULT_OK;
	if (min > max || !tls_context_set_versions(ssl_ctx, min, max))
		result = fail_set(
			fail, RESULT_INVALID, "no TLS versions from %04x to %04x", min, max);
	else if (config->ciphers != NULL &&
		 !SSL_CTX_set_strict_cipher_list(ssl_ctx, config->ciphers))
		result = fail_set(fail, RESULT_INVALID,
			"the list of ciphers '%s' has one that is not known", config->ciphers);
	else if (config->sigalgs != NULL && !SSL_CTX_set1_sigalgs_list(ssl_ctx, config->sigalgs))
		result = fail_set(fail, RESULT_INVALID,
			"the list of signature algorithms '%s' has one that is not known",
			config->sigalgs);
	ERR_clear_error();
	return result;
}

static SSL_CTX *new_identity(struct tls_context *ctx, const struct tls_server_config *config,
	const struct tls_identity *identity, struct fail *fail)
{
	static const uint8_t session_id_context[] = "longship";
	SSL_CTX *ssl_ctx = tls_context_new_ssl_ctx(config->pool, config->groups, fail);
	if (ssl_ctx == NULL)
		return NULL;
	if (set_limits(ssl_ctx, config, fail) != RESULT_OK ||
		load_identity(ssl_ctx, identity, config->pool, fail) != RESULT_OK) {
		SSL_CTX_free(ssl_ctx);
		return NULL;
	}
	if (!config->tickets)
		SSL_CTX_set_options(ssl_ctx, SSL_OP_NO_TICKET);
	if (config->ticket_secret != NULL)
		CHECK(SSL_CTX_set_tlsext_ticket_keys(
			ssl_ctx, config->ticket_secret, TLS_TICKET_SECRET_LEN));
	/* Without it a session with a client's certificate cannot be resumed. */
	SSL_CTX_set_session_id_context(ssl_ctx, session_id_context, sizeof session_id_context - 1);
	ask_for_client_cert(ssl_ctx, config->client_cert);
	SSL_CTX_set_tlsext_servername_callback(ssl_ctx, choose_by_name);
	SSL_CTX_set_tlsext_servername_arg(ssl_ctx, ctx);
	return ssl_ctx;
}

struct tls_context *tls_context_create_server(
	const struct tls_server_config *config, struct fail *fail)
{
	CHECK(config->identities_count > 0);
	struct tls_context *ctx =
		tls_context_create_empty(config->identities_count, config->conns_max, fail);
	if (ctx == NULL)
		return NULL;
	ctx->is_server = true;
	ctx->unknown_name_is_fatal = config->unknown_name_is_fatal;
	for (size_t i = 0; i < config->identities_count; i++) {
		const struct tls_identity *identity = &config->identities[i];
		ctx->ssl_ctx[i] = new_identity(ctx, config, identity, fail);
		if (ctx->ssl_ctx[i] == NULL)
			goto failed;
		if (identity->name == NULL)
			continue;
		ctx->names[i] = strdup(identity->name);
		if (ctx->names[i] == NULL) {
			fail_set(fail, RESULT_MEMORY, "no memory for the name of a certificate");
			goto failed;
		}
	}
	return ctx;

failed:
	tls_context_destroy(ctx);
	return NULL;
}
