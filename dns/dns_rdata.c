#include "dns/dns_rdata.h"
#include "engine/base/tlsa.h"

bool dns_rdata_read_mx(const struct dns_rdata *rdata, struct dns_mx *out_mx)
{
	struct buf_reader reader;
	buf_reader_init(&reader, rdata->data, rdata->len);
	out_mx->preference = buf_reader_u16(&reader);
	return dns_name_read(&reader, out_mx->host) && buf_reader_done(&reader);
}

bool dns_rdata_read_name(const struct dns_rdata *rdata, char out_name[static DNS_NAME_TEXT_SIZE])
{
	struct buf_reader reader;
	buf_reader_init(&reader, rdata->data, rdata->len);
	return dns_name_read(&reader, out_name) && buf_reader_done(&reader);
}

bool dns_rdata_read_address(
	const struct dns_rdata *rdata, enum dns_type type, struct ip_address *out_address)
{
	CHECK(type == DNS_TYPE_A || type == DNS_TYPE_AAAA);
	/* The length alone would take an A record of 16 octets for an IPv6 address. */
	return rdata->len == (type == DNS_TYPE_A ? 4u : 16u) &&
	       ip_address_of_bytes(rdata->data, rdata->len, out_address) == RESULT_OK;
}

bool dns_rdata_read_txt(const struct dns_rdata *rdata, struct buf *out)
{
	if (out->overflow)
		return false;
	size_t before = out->len;
	struct buf_reader reader;
	buf_reader_init(&reader, rdata->data, rdata->len);
	do {
		uint8_t len = buf_reader_u8(&reader);
		buf_put_text(out, buf_reader_text(&reader, len));
	} while (!reader.error && buf_reader_left(&reader) > 0);
	if (buf_reader_done(&reader) && !out->overflow)
		return true;
	buf_truncate(out, before);
	return false;
}

static bool put_mx(const struct dns_rdata *rdata, struct buf *out)
{
	struct dns_mx mx;
	if (!dns_rdata_read_mx(rdata, &mx))
		return false;
	buf_put_number(out, mx.preference);
	buf_put_u8(out, ' ');
	buf_put_cstr(out, mx.host[0] != '\0' ? mx.host : ".");
	return true;
}

static bool put_name(const struct dns_rdata *rdata, struct buf *out)
{
	char name[DNS_NAME_TEXT_SIZE];
	if (!dns_rdata_read_name(rdata, name))
		return false;
	buf_put_cstr(out, name[0] != '\0' ? name : ".");
	return true;
}

static bool put_address(const struct dns_rdata *rdata, enum dns_type type, struct buf *out)
{
	struct ip_address address;
	if (!dns_rdata_read_address(rdata, type, &address))
		return false;
	ip_address_format(&address, out);
	return true;
}

static bool put_tlsa(const struct dns_rdata *rdata, struct buf *out)
{
	struct tlsa_record record = tlsa_record_of_rdata(rdata);
	if (record.malformed)
		return false;
	buf_put_number(out, record.usage);
	buf_put_u8(out, ' ');
	buf_put_number(out, record.selector);
	buf_put_u8(out, ' ');
	buf_put_number(out, record.matching);
	buf_put_u8(out, ' ');
	buf_put_hex(out, record.data.data, record.data.len);
	return true;
}

/* Strings in quotes, with RFC 1035 5.1 escapes: nothing of a peer reaches a terminal as it is. */
static bool put_txt(const struct dns_rdata *rdata, struct buf *out)
{
	size_t before = out->len;
	struct buf_reader reader;
	buf_reader_init(&reader, rdata->data, rdata->len);
	do {
		struct text string = buf_reader_text(&reader, buf_reader_u8(&reader));
		buf_put_cstr(out, out->len == before ? "\"" : " \"");
		for (size_t i = 0; i < string.len; i++) {
			uint8_t octet = (uint8_t)string.data[i];
			bool plain = octet >= ' ' && octet < 0x7f;
			if (octet == '"' || octet == '\\' || !plain)
				buf_put_u8(out, '\\');
			if (plain)
				buf_put_u8(out, octet);
			else
				buf_put_number_padded(out, octet, 3);
		}
		buf_put_u8(out, '"');
	} while (!reader.error && buf_reader_left(&reader) > 0);
	if (buf_reader_done(&reader))
		return true;
	if (!out->overflow)
		buf_truncate(out, before);
	return false;
}

static bool put_known(const struct dns_rdata *rdata, uint16_t type, struct buf *out)
{
	switch (type) { /* a number from outside: any type may be asked for */
	case DNS_TYPE_A:
	case DNS_TYPE_AAAA: return put_address(rdata, (enum dns_type)type, out);
	case DNS_TYPE_CNAME: return put_name(rdata, out);
	case DNS_TYPE_MX: return put_mx(rdata, out);
	case DNS_TYPE_TXT: return put_txt(rdata, out);
	case DNS_TYPE_TLSA: return put_tlsa(rdata, out);
	default: return false;
	}
}

void dns_rdata_put_text(const struct dns_rdata *rdata, uint16_t type, struct buf *out)
{
	if (out->overflow || put_known(rdata, type, out))
		return;
	/* RFC 3597 5: what has no text of its own. */
	buf_put_cstr(out, "\\# ");
	buf_put_number(out, rdata->len);
	if (rdata->len > 0)
		buf_put_u8(out, ' ');
	buf_put_hex(out, rdata->data, rdata->len);
}
