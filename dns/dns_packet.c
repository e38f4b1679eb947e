#include "dns/dns_packet.h"
#include <stdint.h>
#include "engine/base/buf.h"

enum { TYPE_SOA = 6, LABEL_POINTER = 0xc0, LABELS_MAX = 128 };

/* RFC 1035 4.1.4. A pointer ends the name as far as this reader goes: it is not followed. */
static void skip_name(struct buf_reader *reader)
{
	for (unsigned labels = 0; labels < LABELS_MAX; labels++) {
		uint8_t len = buf_reader_u8(reader);
		if (reader->error || len == 0)
			return;
		if ((len & LABEL_POINTER) == LABEL_POINTER) {
			buf_reader_u8(reader);
			return;
		}
		buf_reader_bytes(reader, len);
	}
	buf_reader_set_error(reader);
}

static uint16_t skip_record(struct buf_reader *reader)
{
	skip_name(reader);
	uint16_t type = buf_reader_u16(reader);
	buf_reader_u16(reader); /* class */
	buf_reader_u32(reader); /* TTL */
	buf_reader_bytes(reader, buf_reader_u16(reader));
	return type;
}

bool dns_packet_has_soa(const void *packet, size_t len)
{
	struct buf_reader reader;
	buf_reader_init(&reader, packet, len);
	buf_reader_u32(&reader); /* id and flags */
	uint16_t questions = buf_reader_u16(&reader), answers = buf_reader_u16(&reader);
	uint16_t authorities = buf_reader_u16(&reader);
	buf_reader_u16(&reader); /* additional records */
	for (uint16_t i = 0; i < questions && !reader.error; i++) {
		skip_name(&reader);
		buf_reader_u32(&reader); /* type and class */
	}
	for (uint16_t i = 0; i < answers && !reader.error; i++)
		skip_record(&reader);
	for (uint16_t i = 0; i < authorities && !reader.error; i++)
		if (skip_record(&reader) == TYPE_SOA && !reader.error)
			return true;
	return false;
}
