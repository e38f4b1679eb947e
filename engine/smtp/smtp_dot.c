#include "engine/smtp/smtp_dot.h"
#include <string.h>

/* RFC 5321 4.1.1.4: the CRLF that ends the last line is the first of CRLF.CRLF, also the CRLF of
 * the DATA command when there is no line at all. */
static const char tail[] = "\r\n.\r\n";

static bool ends_in_crlf(const struct body *body)
{
	return body->data_bytes >= 2 && body->data[body->data_bytes - 2] == '\r' &&
	       body->data[body->data_bytes - 1] == '\n';
}

static size_t min_size(size_t a, size_t b) { return a < b ? a : b; }

size_t smtp_dot_body_bytes(const struct body *body)
{
	return body->data_bytes + (body->data_bytes == 0 || ends_in_crlf(body) ? 0 : 2);
}

void smtp_dot_copy_raw(const struct body *body, size_t at, uint8_t *out, size_t len)
{
	CHECK(at <= smtp_dot_body_bytes(body) && len <= smtp_dot_body_bytes(body) - at);
	size_t copied = at < body->data_bytes ? min_size(len, body->data_bytes - at) : 0;
	if (copied > 0)
		memcpy(out, body->data + at, copied);
	at += copied;
	if (copied < len)
		memcpy(out + copied, tail + (at - body->data_bytes), len - copied);
}

void smtp_dot_init(struct smtp_dot *dot, const struct body *body)
{
	*dot = (struct smtp_dot){ .body = body, .tail_len = sizeof tail - 1 };
	if (body == NULL || body->data_bytes == 0 || ends_in_crlf(body))
		dot->tail_at = 2;
}

/* Where the next octet that is not copied stands: a line-leading dot, or the end. */
static size_t copy_end(const struct smtp_dot *dot)
{
	return dot->dots_at < dot->body->dots_count ? dot->body->dot_at[dot->dots_at]
						    : dot->body->data_bytes;
}

size_t smtp_dot_next(struct smtp_dot *dot, uint8_t *out, size_t max)
{
	size_t len = 0;
	while (dot->body != NULL && len < max) {
		size_t end = copy_end(dot);
		CHECK(dot->data_at <= end && end <= dot->body->data_bytes);
		size_t copied = min_size(end - dot->data_at, max - len);
		if (copied > 0)
			memcpy(out + len, dot->body->data + dot->data_at, copied);
		dot->data_at += copied;
		len += copied;
		if (dot->data_at == dot->body->data_bytes)
			break;
		if (len < max && dot->data_at == end) {
			out[len++] = '.';
			dot->dots_at++;
		}
	}
	if (dot->body != NULL && dot->data_at < dot->body->data_bytes)
		return len;
	size_t copied = min_size((size_t)(dot->tail_len - dot->tail_at), max - len);
	if (copied > 0)
		memcpy(out + len, tail + dot->tail_at, copied);
	dot->tail_at = (uint8_t)(dot->tail_at + copied);
	return len + copied;
}

bool smtp_dot_is_done(const struct smtp_dot *dot) { return dot->tail_at == dot->tail_len; }
