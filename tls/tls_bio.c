/* The transport that BoringSSL sees: reads take from the front of io->in, writes append to io->out.
 * Neither ever waits: no bytes and no room are "retry". The end of the stream is not told here, since
 * tls_conn.c judges it by io->in_eof once all bytes are eaten. */
#include <string.h>
#include "engine/base/buf.h"
#include "tls/tls_internal.h"

static struct tls_io *running_io(BIO *bio)
{
	struct tls_context *ctx = BIO_get_data(bio);
	CHECK_OBJ(ctx, TLS_CONTEXT_MAGIC);
	CHECK(ctx->io != NULL);
	BIO_clear_retry_flags(bio);
	return ctx->io;
}

static int read_in(BIO *bio, char *out, int max)
{
	struct tls_io *io = running_io(bio);
	size_t len = io->in_len < (size_t)max ? io->in_len : (size_t)max;
	if (len == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	memcpy(out, io->in, len);
	io->in += len;
	io->in_len -= len;
	return (int)len;
}

static int write_out(BIO *bio, const char *data, int data_len)
{
	struct tls_io *io = running_io(bio);
	size_t room = buf_room(io->out);
	size_t len = room < (size_t)data_len ? room : (size_t)data_len;
	if (len == 0) {
		BIO_set_retry_write(bio);
		return -1;
	}
	buf_put(io->out, data, len);
	return (int)len;
}

static long control(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH; /* the owner of `out` flushes */
}

bool tls_bio_create(struct tls_context *ctx)
{
	ctx->bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "longship");
	if (ctx->bio_method == NULL)
		return false;
	BIO_meth_set_read(ctx->bio_method, read_in);
	BIO_meth_set_write(ctx->bio_method, write_out);
	BIO_meth_set_ctrl(ctx->bio_method, control);
	ctx->bio = BIO_new(ctx->bio_method);
	if (ctx->bio == NULL)
		return false;
	BIO_set_data(ctx->bio, ctx);
	BIO_set_init(ctx->bio, 1);
	return true;
}

void tls_bio_destroy(struct tls_context *ctx)
{
	BIO_free(ctx->bio);
	ctx->bio = NULL;
	if (ctx->bio_method != NULL)
		BIO_meth_free(ctx->bio_method);
	ctx->bio_method = NULL;
}

struct tls_conn *tls_conn_of_ssl(const SSL *ssl)
{
	struct tls_context *ctx = BIO_get_data(SSL_get_rbio(ssl));
	CHECK_OBJ(ctx, TLS_CONTEXT_MAGIC);
	CHECK_OBJ(ctx->conn, TLS_CONN_MAGIC);
	CHECK(ctx->conn->ssl == ssl);
	return ctx->conn;
}
