/* longship verify with chains and digests that the openssl program makes. */
#include "engine/run/verify.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "engine/base/check.h"
#include "tests/unit/engine/run/command_test.h"
#include "tests/unit/unit.h"

enum { RECORD_SIZE = 8192, PATH_SIZE = 128 };

static char folder[64], chain[PATH_SIZE], short_chain[PATH_SIZE];
static struct command_result result;

static void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void shell(const char *format, ...)
{
	char script[1024], command[1200];
	va_list args;
	va_start(args, format);
	vsnprintf(script, sizeof script, format, args);
	va_end(args);
	snprintf(command, sizeof command, "cd '%s' && { %s; } > log 2>&1", folder, script);
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

/* A root, a middle one below it, a host mx.example below that; all good for a hundred days from now. */
static int set_up(void **state)
{
	(void)state;
	const char *tmp = getenv("TMPDIR");
	snprintf(folder, sizeof folder, "%s/verify-XXXXXX", tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(folder));
	shell("for n in root middle host; do openssl ecparam -name prime256v1 -genkey -noout -out $n.key "
	      "|| exit 1; done");
	shell("openssl req -x509 -new -key root.key -out root.pem -days 100 -subj /CN=root");
	shell("echo basicConstraints=critical,CA:TRUE > ca.ext; echo subjectAltName=DNS:mx.example > host.ext");
	shell("openssl req -new -key middle.key -subj /CN=middle -out middle.csr && "
	      "openssl x509 -req -in middle.csr -CA root.pem -CAkey root.key -CAcreateserial -days 100 "
	      "-extfile ca.ext -out middle.pem");
	shell("openssl req -new -key host.key -subj /CN=host -out host.csr && "
	      "openssl x509 -req -in host.csr -CA middle.pem -CAkey middle.key -CAcreateserial -days 100 "
	      "-extfile host.ext -out host.pem");
	shell("cat host.pem middle.pem root.pem > chain.pem; cat host.pem middle.pem > short.pem");
	shell("for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17; do cat host.pem; done > long.pem");
	snprintf(chain, sizeof chain, "--chain=%s/chain.pem", folder);
	snprintf(short_chain, sizeof short_chain, "--chain=%s/short.pem", folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	char command[128];
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	return system(command);
}

/* "--tlsa=3 1 1 HEX" of the certificate of that name, made by openssl. */
static const char *tlsa(const char *name, unsigned usage, unsigned selector, unsigned matching)
{
	static char made[4][RECORD_SIZE];
	static unsigned turn;
	static const char *const digests[] = { "cat", "openssl dgst -sha256 -binary",
		"openssl dgst -sha512 -binary" };
	static const char *const selectors[] = { "-outform DER",
		"-noout -pubkey | openssl pkey -pubin -outform DER" };
	char path[PATH_SIZE];
	char *out = made[turn++ % COUNT_OF(made)];
	shell("openssl x509 -in %s.pem %s | %s > data", name, selectors[selector], digests[matching]);
	snprintf(path, sizeof path, "%s/data", folder);
	FILE *file = fopen(path, "rb");
	assert_non_null(file);
	int len = snprintf(out, RECORD_SIZE, "--tlsa=%u %u %u ", usage, selector, matching), octet;
	while ((octet = fgetc(file)) != EOF)
		len += snprintf(out + len, RECORD_SIZE - (size_t)len, "%02X", (unsigned)octet);
	assert_true(len < RECORD_SIZE - 1);
	fclose(file);
	return out;
}

static void says(int status, const char *json)
{
	if (result.status != status || strstr(result.out, json) == NULL)
		fail_msg("status %d, not %d; \"%s\" is not in %s%s", result.status, status, json, result.out,
			result.err);
	assert_string_equal(result.err, "");
}

#define VERIFY(...) COMMAND(run_verify, &result, "--json", __VA_ARGS__)

static void the_leaf_matches_by_any_selector_and_digest(void **state) /* TLSA-06, TLSA-08, TLSA-09 */
{
	(void)state;
	for (unsigned selector = 0; selector <= 1; selector++) {
		for (unsigned matching = 0; matching <= 2; matching++) {
			char json[160];
			VERIFY(chain, tlsa("host", 3, selector, matching));
			snprintf(json, sizeof json,
				"{\"verdict\":\"match\",\"usage\":3,\"selector\":%u,\"mtype\":%u,\"depth\":0,"
				"\"reason\":\"\",\"result\":\"success\"}\n",
				selector, matching);
			says(0, json);
		}
	}
}

static void an_anchor_matches_where_it_stands(void **state) /* TLSA-16, TLSA-17, TLSA-18 */
{
	(void)state;
	VERIFY(chain, tlsa("middle", 2, 0, 1), "--name=mx.example");
	says(0, "\"usage\":2,\"selector\":0,\"mtype\":1,\"depth\":1,");
	VERIFY(chain, tlsa("root", 2, 1, 2), "--name=mx.example");
	says(0, "\"usage\":2,\"selector\":1,\"mtype\":2,\"depth\":2,");
	/* The DNS alone has it: one above what is shown. */
	VERIFY(short_chain, tlsa("root", 2, 0, 0), "--name=mx.example");
	says(0, "\"usage\":2,\"selector\":0,\"mtype\":0,\"depth\":2,");
	VERIFY(short_chain, tlsa("root", 2, 0, 1), "--name=mx.example");
	says(1, "\"verdict\":\"no-match\"");
}

static void any_record_that_matches_is_enough(void **state) /* TLSA-10 */
{
	(void)state;
	VERIFY(chain, tlsa("middle", 3, 0, 1), tlsa("root", 3, 1, 1), tlsa("host", 3, 1, 1));
	says(0, "\"usage\":3,\"selector\":1,\"mtype\":1,\"depth\":0,");
}

static void what_does_not_match_says_why(void **state)
{
	(void)state;
	VERIFY(chain, tlsa("middle", 3, 1, 1));
	says(1, "{\"verdict\":\"no-match\",\"usage\":null,\"selector\":null,\"mtype\":null,\"depth\":null,"
		"\"reason\":\"presents a certificate that matches no TLSA record (3 1 1 ");
	VERIFY(chain, tlsa("root", 2, 0, 1), "--name=other.example");
	says(1, "not for other.example\",\"result\":\"certificate-host-mismatch\"}"); /* DANE-31 */
	VERIFY(chain, tlsa("root", 2, 0, 1), "--name=other.example", "--name=MX.example.");
	says(0, "\"verdict\":\"match\"");
}

/* DANE-37: the dates of DANE-EE do not count, those on a path to an anchor do. */
static void the_time_is_that_of_the_flag(void **state)
{
	(void)state;
	static const char *const late[] = { "--time=2199-01-01T00:00:00Z", "--time=7226582400" };
	for (size_t i = 0; i < COUNT_OF(late); i++) {
		VERIFY(chain, tlsa("root", 2, 0, 1), "--name=mx.example", late[i]);
		says(1, "\"result\":\"certificate-expired\"");
		VERIFY(chain, tlsa("host", 3, 0, 1), late[i]);
		says(0, "\"verdict\":\"match\"");
	}
	VERIFY(chain, tlsa("root", 2, 0, 1), "--name=mx.example", "--time=0");
	says(1, "\"verdict\":\"no-match\"");
}

/* TLSA-02 to TLSA-05, DANE-15, DANE-40: TLS is demanded then, and nothing proven. */
static void records_of_which_none_can_be_used_are_unusable(void **state)
{
	(void)state;
	static const char json[] =
		"{\"verdict\":\"unusable\",\"usage\":null,\"selector\":null,\"mtype\":null,\"depth\":null,"
		"\"reason\":\"has no TLSA record that can be used, so that TLS is demanded and no proof\","
		"\"result\":\"tlsa-invalid\"}\n";
	static const char *const records[] = { "--tlsa=3 1 1", "--tlsa=3 1 1 abcd", "--tlsa=4 1 1 abcd",
		"--tlsa=3 2 1 abcd", "--tlsa=3 1 3 abcd", "--tlsa=3 0 0 3000", "--tlsa=2 1 2 00" };
	for (size_t i = 0; i < COUNT_OF(records); i++) {
		VERIFY(chain, records[i]);
		says(3, json);
	}
	VERIFY(chain, tlsa("host", 1, 1, 1), tlsa("root", 0, 0, 1), "--name=mx.example");
	says(3, json);
	VERIFY(chain, tlsa("host", 1, 1, 1), tlsa("host", 3, 1, 1));
	says(0, "\"usage\":3");
}

static void a_stronger_digest_outdoes_a_weaker_one(void **state) /* TLSA-11, TLSA-13 */
{
	(void)state;
	VERIFY(chain, tlsa("host", 3, 1, 1), tlsa("root", 3, 1, 2));
	says(1, "\"verdict\":\"no-match\"");
	VERIFY(chain, tlsa("host", 3, 1, 1), "--tlsa=3 1 2 abcd"); /* TLSA-15: one that is usable */
	says(0, "\"mtype\":1");
}

static void a_chain_that_a_handshake_would_not_look_at_does_not_match(void **state) /* TLSA-28 */
{
	(void)state;
	char path[PATH_SIZE];
	snprintf(path, sizeof path, "--chain=%s/long.pem", folder);
	VERIFY(path, tlsa("root", 2, 1, 1), "--name=mx.example.com");
	says(1, "\"reason\":\"presents more certificates than a path is looked for in\"");
	VERIFY(path, tlsa("host", 3, 1, 1)); /* DANE-39: the leaf is all that it asks about */
	says(0, "\"depth\":0");
	VERIFY(path, "--tlsa=1 1 1 ab");
	says(3, "\"verdict\":\"unusable\"");
}

static void people_see_each_record_and_the_verdict(void **state)
{
	(void)state;
	COMMAND(run_verify, &result, chain, tlsa("host", 3, 1, 1), tlsa("root", 3, 1, 2), tlsa("host", 1, 1, 1));
	says(1, "  outdone   3 1 1 ");
	says(1, "\n  used      3 1 2 ");
	says(1, "\n  unusable  1 1 1 ");
	says(1, "\nno-match: the host presents a certificate that matches no TLSA record (3 1 2 ");
	COMMAND(run_verify, &result, chain, tlsa("host", 3, 1, 1));
	says(0, "\nmatch: 3 1 1 ");
	says(0, " stands for the host's own certificate\n");
	COMMAND(run_verify, &result, chain, tlsa("root", 2, 0, 1), "--name=mx.example");
	says(0, " stands for an anchor, 2 above the host's own certificate\n");
	COMMAND(run_verify, &result, chain, "--tlsa=1 1 1 ab", "--name=mx.example");
	says(3, "\nunusable: mx.example has no TLSA record that can be used");
}

static void what_cannot_be_meant_so_is_told_in_one_line_with_status_2(void **state)
{
	(void)state;
	char none[PATH_SIZE], key[PATH_SIZE];
	snprintf(none, sizeof none, "--chain=%s/none.pem", folder);
	snprintf(key, sizeof key, "--chain=%s/host.key", folder);
	const char *ee = tlsa("host", 3, 1, 1), *ta = tlsa("root", 2, 0, 1);
	const struct {
		const char *words[4];
		const char *said;
	} table[] = {
		{ { ee }, "--chain FILE is needed" },
		{ { chain }, "--tlsa 'U S M HEX' is needed" },
		{ { chain, "--tlsa=3 1" }, "no matching type" },
		{ { chain, "--tlsa=3 1 1 zz" }, "\"zz\" is not made of hex digits alone" },
		{ { chain, "--tlsa=DANE 1 1 ab" }, "\"DANE\" is no usage" },
		{ { chain, ta }, "--name HOST is needed" },
		{ { chain, ta, "--name=a..b" }, "--name: 'a..b' has an empty label" },
		{ { chain, ee, "--time=yesterday" }, "--time: 'yesterday' is no time" },
		{ { chain, ee, "--time=1969-12-31T23:59:59Z" }, "is no time" },
		{ { chain, ee, "more" }, "'more' is no flag" },
		{ { none, ee }, "--chain: cannot read the certificates in " },
		{ { key, ee }, "--chain: there is no certificate in PEM form in " },
	};
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		command_run(run_verify, table[i].words, &result);
		if (result.status != 2 || strstr(result.err, table[i].said) == NULL)
			fail_msg("status %d, \"%s\" is not in %s", result.status, table[i].said, result.err);
		assert_string_equal(result.out, "");
		assert_ptr_equal(strchr(result.err, '\n'), result.err + strlen(result.err) - 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_leaf_matches_by_any_selector_and_digest),
		cmocka_unit_test(an_anchor_matches_where_it_stands),
		cmocka_unit_test(any_record_that_matches_is_enough),
		cmocka_unit_test(what_does_not_match_says_why),
		cmocka_unit_test(the_time_is_that_of_the_flag),
		cmocka_unit_test(records_of_which_none_can_be_used_are_unusable),
		cmocka_unit_test(a_stronger_digest_outdoes_a_weaker_one),
		cmocka_unit_test(a_chain_that_a_handshake_would_not_look_at_does_not_match),
		cmocka_unit_test(people_see_each_record_and_the_verdict),
		cmocka_unit_test(what_cannot_be_meant_so_is_told_in_one_line_with_status_2),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
