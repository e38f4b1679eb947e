#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "dns/dns_trust.h"

static const struct {
	struct dns_trust_facts facts;
	enum dns_trust trust;
	const char *says;
} rows[] = {
	{ { DNS_SECURE_DATA, false, "/k", TEXT_INIT("") }, DNS_TRUST_SECURE, "validation works" },
	{ { DNS_INSECURE_DATA, false, "/k", TEXT_INIT("") }, DNS_TRUST_INSECURE,
		"DANE is unavailable" },
	{ { DNS_INSECURE_DENIAL, false, "/k", TEXT_INIT("") }, DNS_TRUST_INSECURE,
		"DANE is unavailable" },
	{ { DNS_SECURE_DENIAL, false, "/k", TEXT_INIT("") }, DNS_TRUST_INSECURE, "/k" },
	{ { DNS_INSECURE_DATA, false, NULL, TEXT_INIT("") }, DNS_TRUST_NO_ANCHOR,
		"DANE unavailable" },
	{ { DNS_FAILURE, true, "/k", TEXT_INIT("bogus: expired") }, DNS_TRUST_BOGUS,
		"bogus: expired" },
	{ { DNS_FAILURE, false, "/k", TEXT_INIT("SERVFAIL") }, DNS_TRUST_UNREACHABLE, "SERVFAIL" },
	{ { DNS_FAILURE, false, NULL, TEXT_INIT("SERVFAIL") }, DNS_TRUST_UNREACHABLE, "SERVFAIL" },
};

/* DNS-01 */
static void the_self_test_says_in_one_sentence_what_it_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char memory[DNS_TRUST_SENTENCE_BYTES];
		struct buf sentence;
		buf_init(&sentence, memory, sizeof memory);
		assert_int_equal(dns_trust_judge(&rows[i].facts, &sentence), rows[i].trust);
		const char *text = buf_cstr(&sentence);
		assert_non_null(text);
		assert_non_null(strstr(text, rows[i].says));
		assert_null(strchr(text, '\n'));
	}
}

static void the_longest_reason_still_fits(void **state)
{
	(void)state;
	char why[4096];
	memset(why, 'x', sizeof why);
	struct dns_trust_facts facts = {
		.class = DNS_FAILURE,
		.bogus = true,
		.anchor_file = "/usr/share/dns/root.key",
		.why = text_of_bytes(why, sizeof why),
	};
	char memory[DNS_TRUST_SENTENCE_BYTES];
	struct buf sentence;
	buf_init(&sentence, memory, sizeof memory);
	dns_trust_judge(&facts, &sentence);
	assert_non_null(buf_cstr(&sentence));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_self_test_says_in_one_sentence_what_it_found),
		cmocka_unit_test(the_longest_reason_still_fits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
