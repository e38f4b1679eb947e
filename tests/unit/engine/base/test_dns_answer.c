#include "tests/unit/engine/base/dies.h"
#include "engine/base/dns_answer.h"

/* (DNS-25, DNS-33) Everything that was learned is in the copy, and the copy stands alone. */
static void a_copy_stands_alone(void **state)
{
	(void)state;
	char name[] = "example.org", canonical[] = "mail.example.net", why[] = "signature expired";
	uint8_t first[] = { 0, 10, 1, 'a', 0 }, second[] = { 0, 20, 1, 'b', 0 };
	struct dns_rdata rdata[] = { { first, sizeof first }, { second, sizeof second }, { NULL, 0 } };
	struct dns_answer from = {
		.class = DNS_SECURE_DATA, .type = DNS_TYPE_MX, .aliased = true, .alias_secure = true,
		.ttl_s = 300, .extended_error = DNS_EXTENDED_ERROR_NONE, .name = text_of(name),
		.canonical_name = text_of(canonical), .why = text_of(why), .rdata = rdata,
		.rdata_count = 3,
	};
	struct dns_answer *answer = dns_answer_create(&from);
	assert_non_null(answer);
	memset(name, 'x', sizeof name);
	memset(first, 'x', sizeof first);
	memset(rdata, 0, sizeof rdata);
	assert_int_equal(answer->class, DNS_SECURE_DATA);
	assert_int_equal(answer->type, DNS_TYPE_MX);
	assert_int_equal(answer->ttl_s, 300);
	assert_int_equal(answer->extended_error, DNS_EXTENDED_ERROR_NONE);
	assert_true(answer->aliased && answer->alias_secure && !answer->nxdomain);
	assert_text_equal(answer->name, "example.org");
	assert_text_equal(answer->canonical_name, "mail.example.net");
	assert_text_equal(answer->why, "signature expired");
	assert_int_equal(answer->rdata_count, 3);
	assert_memory_equal(answer->rdata[0].data, "\0\x0a\x01" "a", 5);
	assert_int_equal(answer->rdata[1].len, 5);
	assert_int_equal(answer->rdata[2].len, 0);

	struct dns_answer *other = dns_answer_acquire(answer);
	dns_answer_release(&answer);
	assert_null(answer);
	assert_text_equal(other->name, "example.org");
	dns_answer_release(&other);
	assert_null(other);
	dns_answer_release(&other);
}

/* (DNS-02) Five classes, and what may be asked of them. */
static void the_five_classes(void **state)
{
	(void)state;
	static const struct { enum dns_class class; bool secure, data; const char *name; } rows[] = {
		{ DNS_FAILURE, false, false, "failure" },
		{ DNS_SECURE_DATA, true, true, "secure data" },
		{ DNS_SECURE_DENIAL, true, false, "secure denial" },
		{ DNS_INSECURE_DATA, false, true, "insecure data" },
		{ DNS_INSECURE_DENIAL, false, false, "insecure denial" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(dns_class_is_secure(rows[i].class), rows[i].secure);
		assert_int_equal(dns_class_has_data(rows[i].class), rows[i].data);
		assert_string_equal(dns_class_name(rows[i].class), rows[i].name);
	}
	struct dns_answer zeroed = { .ttl_s = 0 };
	assert_int_equal(zeroed.class, DNS_FAILURE);
	assert_string_equal(dns_type_name(DNS_TYPE_TLSA), "TLSA");
	assert_string_equal(dns_type_name(65), "another type");
}

static const struct dns_rdata one = { (const uint8_t *)"x", 1 };
static void data_without_records(void)
{
	(void)dns_answer_create(&(struct dns_answer){ .class = DNS_SECURE_DATA });
}
static void denial_with_records(void)
{
	(void)dns_answer_create(
		&(struct dns_answer){ .class = DNS_SECURE_DENIAL, .rdata = &one, .rdata_count = 1 });
}
static void failure_that_lasts(void)
{
	(void)dns_answer_create(&(struct dns_answer){ .class = DNS_FAILURE, .ttl_s = 1 });
}
static void bogus_with_data(void)
{
	(void)dns_answer_create(&(struct dns_answer){
		.class = DNS_SECURE_DATA, .bogus = true, .rdata = &one, .rdata_count = 1 });
}
static void nxdomain_with_data(void)
{
	(void)dns_answer_create(&(struct dns_answer){
		.class = DNS_SECURE_DATA, .nxdomain = true, .rdata = &one, .rdata_count = 1 });
}

static void what_contradicts_itself_stops_the_program(void **state)
{
	(void)state;
	assert_dies(data_without_records, "dns_class_has_data(answer->class)");
	assert_dies(denial_with_records, "dns_class_has_data(answer->class)");
	assert_dies(failure_that_lasts, "answer->ttl_s == 0");
	assert_dies(nxdomain_with_data, "!answer->nxdomain");
	assert_dies(bogus_with_data, "!answer->bogus");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_copy_stands_alone),
		cmocka_unit_test(the_five_classes),
		cmocka_unit_test(what_contradicts_itself_stops_the_program),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
