#include "engine/mail/address_key.h"
#include <string.h>

static bool is_atext(uint8_t octet)
{
	return (octet >= '0' && octet <= '9') || (octet >= 'A' && octet <= 'Z') ||
	       (octet >= 'a' && octet <= 'z') || octet >= 0x80 ||
	       (octet != 0 && strchr("!#$%&'*+-/=?^_`{|}~", octet) != NULL);
}

/* RFC 5321 4.1.2 Dot-string. */
static bool is_dot_string(struct text t)
{
	bool may_be_dot = false;
	for (size_t i = 0; i < t.len; i++) {
		bool is_dot = t.data[i] == '.';
		if (is_dot ? !may_be_dot : !is_atext((uint8_t)t.data[i]))
			return false;
		may_be_dot = !is_dot;
	}
	return may_be_dot;
}

/* What stands between the quotes, quoted pairs resolved. */
static struct text unquoted(struct text local, char memory[static LOCAL_PART_BYTES_MAX])
{
	size_t len = 0;
	CHECK(local.len <= LOCAL_PART_BYTES_MAX);
	for (size_t i = 1; i + 1 < local.len; i++) {
		if (local.data[i] == '\\' && i + 2 < local.len)
			i++;
		memory[len++] = local.data[i];
	}
	return (struct text){ memory, len };
}

static void put_quoted(struct buf *buf, struct text inner)
{
	buf_put_u8(buf, '"');
	for (size_t i = 0; i < inner.len; i++) {
		uint8_t octet = text_lower((uint8_t)inner.data[i]);
		if (octet == '"' || octet == '\\')
			buf_put_u8(buf, '\\');
		buf_put_u8(buf, octet);
	}
	buf_put_u8(buf, '"');
}

void address_key_put(struct buf *buf, const struct envelope_address *address)
{
	char memory[LOCAL_PART_BYTES_MAX];
	struct text local = envelope_local_part(address);
	CHECK(address->text.len > 0);
	bool is_quoted = local.len >= 2 && local.data[0] == '"';
	if (is_quoted)
		local = unquoted(local, memory);
	if (is_quoted && !is_dot_string(local))
		put_quoted(buf, local);
	else
		for (size_t i = 0; i < local.len; i++)
			buf_put_u8(buf, text_lower((uint8_t)local.data[i]));
	buf_put_u8(buf, '@');
	buf_put_text(buf, envelope_domain(address));
}
