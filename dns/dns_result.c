#include "dns/dns_result.h"
#include "dns/dns_class.h"
#include "dns/dns_packet.h"
#include "engine/base/buf.h"

struct dns_answer dns_result_failure(struct text name, uint16_t type, struct text why)
{
	return (struct dns_answer){
		.class = DNS_FAILURE,
		.type = type,
		.extended_error = DNS_EXTENDED_ERROR_NONE,
		.name = name,
		.canonical_name = name,
		.why = why,
	};
}

/* DNS-33: bogus with libunbound's reason, the rcode, or what libunbound says of itself. */
static void put_why(
	struct buf *why, int error, const struct ub_result *result, const struct dns_bits *bits)
{
	if (bits->error) {
		buf_put_text(why, text_cut(text_of(ub_strerror(error)), buf_room(why)));
	} else if (bits->bogus) {
		buf_put_cstr(why, "bogus");
		if (result->why_bogus != NULL) {
			buf_put_cstr(why, ": ");
			buf_put_text(why,
				text_cut(text_trim(text_of(result->why_bogus)), buf_room(why)));
		}
	} else if (dns_rcode_name(bits->rcode) != NULL) {
		buf_put_cstr(why, dns_rcode_name(bits->rcode));
		if (result->was_ratelimited)
			buf_put_cstr(why, " (rate limit)");
	} else {
		buf_put_cstr(why, "RCODE ");
		buf_put_number(why, (uint64_t)(unsigned)bits->rcode);
	}
}

static void take_records(
	struct dns_result_memory *memory, const struct ub_result *result, struct dns_answer *answer)
{
	size_t count = 0;
	for (; result->data[count] != NULL && count < DNS_RESULT_RECORDS_MAX; count++)
		memory->rdata[count] = (struct dns_rdata){
			.data = (const uint8_t *)result->data[count],
			.len = (size_t)result->len[count],
		};
	answer->rdata = memory->rdata;
	answer->rdata_count = count;
}

/* DNS-36: lower case, no dot at the end. `memory` holds the name as long as the answer. */
static void take_canonical_name(
	const char *name, char memory[static DNS_NAME_TEXT_SIZE], struct dns_answer *answer)
{
	struct text text = text_cut(text_of(name), DNS_NAME_TEXT_SIZE - 1);
	if (text.len > 1 && text.data[text.len - 1] == '.')
		text.len--;
	for (size_t i = 0; i < text.len; i++)
		memory[i] = (char)text_lower((uint8_t)text.data[i]);
	answer->canonical_name = text_of_bytes(memory, text.len);
	answer->aliased = !text_equal(answer->canonical_name, answer->name);
}

/* DNS-16, RFC 2308 5: a denial without SOA serves who waits for it, and is not kept. */
static uint32_t ttl_of(enum dns_class class, const struct ub_result *result)
{
	if (!dns_class_has_data(class) &&
		!dns_packet_has_soa(result->answer_packet, (size_t)result->answer_len))
		return 0;
	return dns_class_ttl_s(class, result->ttl);
}

struct dns_answer dns_result_read(struct text name, uint16_t type, int error, const struct ub_result *result,
	struct dns_result_memory *memory)
{
	struct dns_bits bits = { .error = error != 0 || result == NULL };
	if (!bits.error) {
		bits.have_data = result->havedata != 0;
		bits.secure = result->secure != 0;
		bits.bogus = result->bogus != 0;
		bits.rcode = result->rcode;
	}
	enum dns_class class = dns_class_of(&bits);
	struct buf why;
	buf_init(&why, memory->why, sizeof memory->why);
	if (class == DNS_FAILURE) {
		put_why(&why, error, result, &bits);
		struct dns_answer failure = dns_result_failure(name, type, buf_text(&why));
		failure.bogus = bits.bogus;
		return failure;
	}
	CHECK(result != NULL);
	struct dns_answer answer = dns_result_failure(name, type, TEXT_EMPTY);
	answer.class = class;
	answer.ttl_s = ttl_of(class, result);
	answer.nxdomain = bits.rcode == DNS_RCODE_NXDOMAIN;
	if (dns_class_has_data(class))
		take_records(memory, result, &answer);
	if (result->canonname != NULL)
		take_canonical_name(result->canonname, memory->canonical, &answer);
	answer.alias_secure = answer.aliased && bits.secure;
	return answer;
}
