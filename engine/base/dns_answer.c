#include "engine/base/dns_answer.h"
#include <stdlib.h>

const char *dns_class_name(enum dns_class class)
{
	switch (class) {
	case DNS_FAILURE: return "failure";
	case DNS_SECURE_DATA: return "secure data";
	case DNS_SECURE_DENIAL: return "secure denial";
	case DNS_INSECURE_DATA: return "insecure data";
	case DNS_INSECURE_DENIAL: return "insecure denial";
	}
	UNREACHABLE("a sixth class of answers");
}

const char *dns_type_name(uint16_t type)
{
	switch (type) {
	case DNS_TYPE_A: return "A";
	case DNS_TYPE_CNAME: return "CNAME";
	case DNS_TYPE_MX: return "MX";
	case DNS_TYPE_TXT: return "TXT";
	case DNS_TYPE_AAAA: return "AAAA";
	case DNS_TYPE_TLSA: return "TLSA";
	default: return "another type";
	}
}

static void check_consistent(const struct dns_answer *answer)
{
	CHECK((answer->rdata_count > 0) == dns_class_has_data(answer->class));
	CHECK(answer->class != DNS_FAILURE || answer->ttl_s == 0);
	CHECK(!answer->bogus || answer->class == DNS_FAILURE);
	CHECK(!answer->nxdomain || answer->class == DNS_SECURE_DENIAL ||
		answer->class == DNS_INSECURE_DENIAL);
}

/* Copies into the block and moves on in it. */
static struct text put_text(char **at, struct text text)
{
	struct text copy = { *at, text.len };
	if (text.len > 0)
		memcpy(*at, text.data, text.len);
	*at += text.len;
	return copy;
}

struct dns_answer *dns_answer_create(const struct dns_answer *from)
{
	check_consistent(from);
	/* One block: the struct, the array, then all bytes. Sizes come from a DNS message, 64 KB at
	 * most, so that nothing here overflows. */
	size_t bytes = sizeof *from + from->rdata_count * sizeof *from->rdata + from->name.len +
		       from->canonical_name.len + from->why.len;
	for (size_t i = 0; i < from->rdata_count; i++)
		bytes += from->rdata[i].len;
	struct dns_answer *answer = malloc(bytes);
	if (answer == NULL)
		return NULL;
	*answer = (struct dns_answer){
		.class = from->class,
		.type = from->type,
		.bogus = from->bogus,
		.nxdomain = from->nxdomain,
		.aliased = from->aliased,
		.alias_secure = from->alias_secure,
		.ttl_s = from->ttl_s,
		.extended_error = from->extended_error,
		.rdata_count = from->rdata_count,
	};
	refcount_init(&answer->refs);
	struct dns_rdata *rdata = (struct dns_rdata *)(answer + 1);
	char *at = (char *)(rdata + from->rdata_count);
	for (size_t i = 0; i < from->rdata_count; i++) {
		struct text copy =
			put_text(&at, text_of_bytes(from->rdata[i].data, from->rdata[i].len));
		rdata[i] = (struct dns_rdata){ (const uint8_t *)copy.data, copy.len };
	}
	answer->rdata = rdata;
	answer->name = put_text(&at, from->name);
	answer->canonical_name = put_text(&at, from->canonical_name);
	answer->why = put_text(&at, from->why);
	CHECK(at == (char *)answer + bytes);
	return answer;
}

struct dns_answer *dns_answer_acquire(struct dns_answer *answer)
{
	refcount_acquire(&answer->refs);
	return answer;
}

void dns_answer_release(struct dns_answer **answer)
{
	if (*answer != NULL && refcount_release(&(*answer)->refs))
		free(*answer);
	*answer = NULL;
}
