#include "engine/mail/scanned.h"

static void look(struct scanned *s)
{
	if (s->upto == s->buf->len)
		return;
	struct octet_scan scan = octet_scan(text_skip(buf_text(s->buf), s->upto));
	octet_scan_add(&s->all, &scan);
	s->upto = s->buf->len;
}

void scanned_put_lines(struct scanned *s, struct text lines, const struct octet_scan *known)
{
	if (lines.len < SCANNED_BYTES_MIN) {
		buf_put_text(s->buf, lines);
		return;
	}
	look(s);
	buf_put_text(s->buf, lines);
	if (s->buf->overflow)
		return; /* it is not there */
	octet_scan_add(&s->all, known);
	s->upto = s->buf->len;
}

struct octet_scan scanned_end(struct scanned *s)
{
	look(s);
	return s->all;
}
