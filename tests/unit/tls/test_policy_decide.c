#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "tls/policy_decide.h"

enum { FAILED, NONE, UNUSABLE, USABLE }; /* what the TLSA search found */
#define MX_SECURE   true
#define MX_INSECURE false
#define N(name)     SECURITY_NEED_##name
#define L(name)     TLS_LEVEL_##name

static const struct {
	const char *what;
	int tlsa;
	bool mx_secure;
	enum policy_sts sts;
	bool sts_matches;
	enum tls_level level;
	enum security_need need;
	bool met;
	enum security_level success;
} rows[] = {
	{ "DANE-13", FAILED, MX_SECURE, POLICY_STS_ABSENT, false, L(DANE), N(MAY), false, SECURITY_ENCRYPTED },
	{ "DANE-14", USABLE, MX_SECURE, POLICY_STS_ABSENT, false, L(DANE), N(DANE), true, SECURITY_DANE },
	{ "POL-03", USABLE, MX_SECURE, POLICY_STS_ENFORCE, false, L(DANE), N(DANE), true, SECURITY_DANE },
	{ "DANE-24, DANE-27", USABLE, MX_INSECURE, POLICY_STS_NONE, false, L(DANE), N(DANE), true,
		SECURITY_HALF_DANE },
	{ "POL-04, SEC-10", USABLE, MX_INSECURE, POLICY_STS_ENFORCE, true, L(DANE), N(DANE_STS), true, SECURITY_STS },
	{ "POL-04: not listed", USABLE, MX_INSECURE, POLICY_STS_ENFORCE, false, L(DANE), N(DANE_STS), false,
		SECURITY_STS },
	{ "DANE-15", UNUSABLE, MX_SECURE, POLICY_STS_TESTING, false, L(DANE), N(ENCRYPT), true,
		SECURITY_ENCRYPTED },
	{ "POL-05", UNUSABLE, MX_SECURE, POLICY_STS_ENFORCE, true, L(DANE), N(STS), true, SECURITY_STS },
	{ "STS alone", NONE, MX_SECURE, POLICY_STS_ENFORCE, true, L(DANE), N(STS), true, SECURITY_STS },
	{ "STS, not listed", NONE, MX_SECURE, POLICY_STS_ENFORCE, false, L(DANE), N(STS), false, SECURITY_STS },
	{ "POL-06", NONE, MX_SECURE, POLICY_STS_TESTING, false, L(DANE), N(MAY), true, SECURITY_ENCRYPTED },
	{ "STS-15: bogus record", NONE, MX_INSECURE, POLICY_STS_FAILED, false, L(DANE), N(MAY), false,
		SECURITY_ENCRYPTED },
	{ "STS-15: half of DANE", USABLE, MX_INSECURE, POLICY_STS_FAILED, false, L(DANE), N(DANE), false,
		SECURITY_HALF_DANE },
	{ "STS-15: DANE stands above", USABLE, MX_SECURE, POLICY_STS_FAILED, false, L(DANE), N(DANE), true,
		SECURITY_DANE },
	{ "STS-15: a ceiling", NONE, MX_SECURE, POLICY_STS_FAILED, false, L(MAY), N(MAY), true,
		SECURITY_ENCRYPTED },
	{ "P1 none", USABLE, MX_SECURE, POLICY_STS_ENFORCE, false, L(NONE), N(NONE), true, SECURITY_CLEARTEXT },
	{ "P1 may", USABLE, MX_SECURE, POLICY_STS_ENFORCE, false, L(MAY), N(MAY), true, SECURITY_ENCRYPTED },
	{ "POL-11", USABLE, MX_SECURE, POLICY_STS_ENFORCE, false, L(AUDIT), N(MAY), true, SECURITY_ENCRYPTED },
	{ "POL-11: failed", FAILED, MX_SECURE, POLICY_STS_ABSENT, false, L(AUDIT), N(MAY), true,
		SECURITY_ENCRYPTED },
	{ "POL-10", NONE, MX_SECURE, POLICY_STS_ABSENT, false, L(ENCRYPT), N(ENCRYPT), true, SECURITY_ENCRYPTED },
	{ "POL-10: never lowers", USABLE, MX_SECURE, POLICY_STS_ABSENT, false, L(ENCRYPT), N(DANE), true,
		SECURITY_DANE },
	{ "dane-only", USABLE, MX_SECURE, POLICY_STS_ABSENT, false, L(DANE_ONLY), N(DANE), true, SECURITY_DANE },
	{ "DANE-25", USABLE, MX_INSECURE, POLICY_STS_ABSENT, false, L(DANE_ONLY), N(DANE), false,
		SECURITY_HALF_DANE },
	{ "DANE-44", UNUSABLE, MX_SECURE, POLICY_STS_ABSENT, false, L(DANE_ONLY), N(DANE), false, SECURITY_DANE },
	{ "DANE-44: none", NONE, MX_SECURE, POLICY_STS_ABSENT, false, L(DANE_ONLY), N(DANE), false,
		SECURITY_DANE },
	{ "secure", NONE, MX_SECURE, POLICY_STS_ABSENT, false, L(SECURE), N(SECURE), true, SECURITY_SECURE },
	{ "secure and DANE", USABLE, MX_SECURE, POLICY_STS_ABSENT, false, L(SECURE), N(DANE_SECURE), true,
		SECURITY_SECURE },
};

static const struct tlsa_record trust_anchor = { .usage = 2, .selector = 0, .matching = 1 };

static struct policy_input input_of(int tlsa, bool mx_secure)
{
	return (struct policy_input){
		.mx_secure = mx_secure,
		.host = TEXT("mx.lab"),
		.domain = TEXT("a.lab"),
		.domain_canonical = TEXT("b.lab"),
		.tlsa_state = tlsa == FAILED ? POLICY_TLSA_FAILED
			: tlsa == NONE ? POLICY_TLSA_NONE : POLICY_TLSA_SECURE,
		.base_domain = TEXT("end.lab"),
		.usable = &trust_anchor,
		.usable_count = tlsa == USABLE,
		.half_dane = true,
	};
}

/* CONFORMANCE 0.1 with the levels of --tls; POL-12: cleartext only where nothing is demanded. */
static void each_row_of_the_table_makes_its_demand(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct policy_input in = input_of(rows[i].tlsa, rows[i].mx_secure);
		in.sts = rows[i].sts;
		in.sts_matches = rows[i].sts_matches;
		in.level = rows[i].level;
		struct policy_decision out;
		policy_decide(&in, &out);
		bool clear = rows[i].need == N(MAY) || rows[i].need == N(NONE);
		if (out.demand.need != rows[i].need || (out.unmet == NULL) != rows[i].met ||
			out.success != rows[i].success || out.demand.cleartext_allowed != clear ||
			out.is_audit != (rows[i].level == L(AUDIT)))
			fail_msg("%s: need %d, %s", rows[i].what, (int)out.demand.need,
				out.unmet != NULL ? out.unmet : "met");
	}
}

/* STS-50: a policy that is tested is worked out beside what is demanded. */
static void a_tested_policy_demands_nothing_and_says_what_it_would(void **state)
{
	(void)state;
	struct policy_input in = input_of(NONE, MX_INSECURE);
	struct policy_decision out;
	in.sts = POLICY_STS_TESTING;
	in.sts_matches = true;
	policy_decide(&in, &out);
	assert_true(out.is_testing);
	assert_int_equal(out.demand.need, SECURITY_NEED_MAY);
	assert_true(out.demand.cleartext_allowed);
	assert_int_equal(out.audited.need, SECURITY_NEED_STS);
	assert_true(text_equal(out.audited.names[0], TEXT("mx.lab")));
	assert_null(out.audit_unmet);
	in.sts_matches = false;
	policy_decide(&in, &out);
	assert_null(out.unmet);
	assert_non_null(out.audit_unmet);
	in = input_of(USABLE, MX_SECURE); /* POL-03 */
	in.sts = POLICY_STS_TESTING;
	policy_decide(&in, &out);
	assert_false(out.is_testing);
	in.mx_secure = false; /* POL-04 */
	policy_decide(&in, &out);
	assert_true(out.is_testing);
	assert_int_equal(out.demand.need, SECURITY_NEED_DANE);
	assert_int_equal(out.audited.need, SECURITY_NEED_DANE_STS);
	in.level = TLS_LEVEL_NONE;
	policy_decide(&in, &out);
	assert_false(out.is_testing);
}

/* DANE-30 to DANE-33, TLS-16 */
static void names_and_sni_follow_who_decides(void **state)
{
	(void)state;
	struct policy_input in = input_of(USABLE, MX_SECURE);
	struct policy_decision out;
	policy_decide(&in, &out);
	assert_true(text_equal(out.demand.sni, TEXT("end.lab")));
	assert_int_equal(out.demand.names_count, 3);
	assert_true(text_equal(out.demand.names[0], TEXT("end.lab")));
	assert_true(text_equal(out.demand.names[1], TEXT("a.lab")));
	assert_true(text_equal(out.demand.names[2], TEXT("b.lab")));
	in.mx_secure = false;
	in.sts = POLICY_STS_ENFORCE;
	in.sts_matches = true;
	policy_decide(&in, &out);
	assert_true(text_equal(out.demand.sni, TEXT("mx.lab")));
	assert_int_equal(out.demand.names_count, 1);
	assert_true(text_equal(out.demand.root_names[0], TEXT("mx.lab")));
	in.half_dane = false; /* counts as none */
	policy_decide(&in, &out);
	assert_int_equal(out.demand.need, SECURITY_NEED_STS);
}

/* POL-07, POL-08, P2: floors stay. */
static void a_message_may_lower_what_is_published_and_no_floor(void **state)
{
	(void)state;
	struct policy_input in = input_of(USABLE, MX_SECURE);
	struct policy_decision out;
	in.tls_required_no = true;
	policy_decide(&in, &out);
	assert_int_equal(out.demand.need, SECURITY_NEED_MAY);
	in.level = TLS_LEVEL_DANE_ONLY;
	policy_decide(&in, &out);
	assert_int_equal(out.demand.need, SECURITY_NEED_DANE);
	in.level = TLS_LEVEL_DANE;
	in.requiretls = true;
	policy_decide(&in, &out);
	assert_int_equal(out.demand.need, SECURITY_NEED_DANE);
}

/* DANE-34: the name before its aliases is the second one; DANE-29: a relay has no other domain. */
static void a_host_without_mx_is_known_by_both_its_names(void **state)
{
	(void)state;
	struct policy_input in = input_of(USABLE, MX_SECURE);
	struct policy_decision out;
	in.origin = POLICY_WITHOUT_MX;
	in.host = in.domain;
	policy_decide(&in, &out);
	assert_int_equal(out.demand.names_count, 2);
	assert_true(text_equal(out.demand.names[0], TEXT("end.lab")));
	assert_true(text_equal(out.demand.names[1], TEXT("a.lab")));
	in.origin = POLICY_FROM_ROUTE;
	in.host = TEXT("relay.lab");
	policy_decide(&in, &out);
	assert_int_equal(out.demand.names_count, 2);
	assert_true(text_equal(out.demand.names[1], TEXT("relay.lab")));
}

/* P0, DANE-23, POL-10: nothing is published for an address; what the operator demands stays. */
static void an_address_has_the_local_level_only(void **state)
{
	(void)state;
	struct policy_input in = input_of(NONE, MX_SECURE);
	struct policy_decision out;
	in.is_address = true;
	in.domain = TEXT("[192.0.2.1]");
	in.sts = POLICY_STS_ENFORCE;
	policy_decide(&in, &out);
	assert_int_equal(out.demand.need, SECURITY_NEED_MAY);
	assert_int_equal(out.demand.sni.len, 0);
	assert_null(out.unmet);
	in.level = TLS_LEVEL_ENCRYPT;
	policy_decide(&in, &out);
	assert_int_equal(out.demand.need, SECURITY_NEED_ENCRYPT);
	assert_null(out.unmet);
	in.level = TLS_LEVEL_DANE_ONLY;
	policy_decide(&in, &out);
	assert_non_null(out.unmet);
	in.level = TLS_LEVEL_SECURE;
	policy_decide(&in, &out);
	assert_non_null(out.unmet);
}

/* POL-03, the switch: the public chain is asked for the MX name beside the TLSA record. */
static void both_can_be_demanded_where_dane_alone_would_do(void **state)
{
	(void)state;
	struct policy_input in = input_of(USABLE, MX_SECURE);
	struct policy_decision out;
	in.sts = POLICY_STS_ENFORCE;
	in.sts_matches = true;
	in.dane_and_sts = true;
	policy_decide(&in, &out);
	assert_int_equal(out.demand.need, SECURITY_NEED_DANE_STS);
	assert_int_equal(out.success, SECURITY_DANE_STS);
	assert_int_equal(out.demand.tlsa_count, 1);
	assert_int_equal(out.demand.root_names_count, 1);
	assert_true(text_equal(out.demand.root_names[0], TEXT("mx.lab")));
	in.sts_matches = false;
	policy_decide(&in, &out);
	assert_non_null(out.unmet);
}

/* POL-11: what would hold is there to be judged and logged, under the same SNI. */
static void an_audit_holds_what_would_be_enforced(void **state)
{
	(void)state;
	struct policy_input in = input_of(USABLE, MX_SECURE);
	struct policy_decision out;
	in.level = TLS_LEVEL_AUDIT;
	policy_decide(&in, &out);
	assert_int_equal(out.audited.need, SECURITY_NEED_DANE);
	assert_int_equal(out.audited.tlsa_count, 1);
	assert_null(out.audit_unmet);
	assert_true(text_equal(out.demand.sni, TEXT("end.lab")));
	assert_true(out.demand.cleartext_allowed);
	in.tlsa_state = POLICY_TLSA_FAILED;
	in.usable_count = 0;
	policy_decide(&in, &out);
	assert_non_null(out.audit_unmet);
	assert_null(out.unmet);
}

/* RTLS-01: without DANE a public authority must answer for the name, which DNSSEC or a policy in force
 * must have given us. */
static void requiretls_wants_a_proven_name_and_certificate(void **state)
{
	(void)state;
	struct policy_input in = input_of(NONE, MX_SECURE);
	struct policy_decision out;
	in.requiretls = true;
	policy_decide(&in, &out);
	assert_int_equal(out.demand.need, SECURITY_NEED_STS);
	assert_false(out.demand.cleartext_allowed);
	assert_null(out.unmet);
	in.mx_secure = false;
	policy_decide(&in, &out);
	assert_non_null(out.unmet);
	in.sts = POLICY_STS_TESTING;
	in.sts_matches = true;
	policy_decide(&in, &out);
	assert_non_null(out.unmet);
	in.sts = POLICY_STS_ENFORCE;
	policy_decide(&in, &out);
	assert_null(out.unmet);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_of_the_table_makes_its_demand),
		cmocka_unit_test(a_tested_policy_demands_nothing_and_says_what_it_would),
		cmocka_unit_test(names_and_sni_follow_who_decides),
		cmocka_unit_test(a_message_may_lower_what_is_published_and_no_floor),
		cmocka_unit_test(a_host_without_mx_is_known_by_both_its_names),
		cmocka_unit_test(an_address_has_the_local_level_only),
		cmocka_unit_test(both_can_be_demanded_where_dane_alone_would_do),
		cmocka_unit_test(an_audit_holds_what_would_be_enforced),
		cmocka_unit_test(requiretls_wants_a_proven_name_and_certificate),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
