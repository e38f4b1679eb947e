/* Target: sts_policy_parse, sts_policy_next_mx, sts_policy_covers, sts_pattern_covers.
 *
 * Input: the name of a host up to the first LF, then a policy file. Checked: what is valid has all that
 * must be there, within its limits; each of its patterns is a name or "*." and a name, and covers itself
 * or itself with one label for the "*"; a host is covered exactly by a pattern that covers it; the
 * policy written anew from what was read is read the same; a fault has words that can be shown. */
#include <stdlib.h>
#include <string.h>
#include "engine/base/buf.h"
#include "engine/base/check.h"
#include "engine/base/domain_name.h"
#include "tls/sts_policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_pattern(const struct sts_policy *policy, struct text pattern)
{
	char memory[2 * DOMAIN_NAME_SIZE];
	struct buf host;
	bool is_wildcard = text_starts(pattern, TEXT("*."));
	CHECK(domain_name_check(is_wildcard ? text_skip(pattern, 2) : pattern) == DOMAIN_NAME_OK);
	buf_init(&host, memory, sizeof memory);
	buf_put_cstr(&host, is_wildcard ? "x" : "");
	buf_put_text(&host, is_wildcard ? text_skip(pattern, 1) : pattern);
	bool is_name =
		domain_name_check(buf_text(&host)) == DOMAIN_NAME_OK; /* not if too long now */
	CHECK(sts_pattern_covers(pattern, buf_text(&host)) == is_name);
	CHECK(sts_policy_covers(policy, buf_text(&host), NULL) == is_name);
	CHECK(!is_wildcard || !sts_pattern_covers(pattern, text_skip(pattern, 2)));
}

static void check_host(const struct sts_policy *policy, struct text host)
{
	struct text pattern, first = TEXT_EMPTY;
	for (size_t at = 0; first.len == 0 && sts_policy_next_mx(policy, &at, &pattern);)
		if (sts_pattern_covers(pattern, host))
			first = pattern;
	CHECK(sts_policy_covers(policy, host, &pattern) == (first.len > 0));
	CHECK(first.len == 0 || first.data == pattern.data);
}

static void check_again(const struct sts_policy *policy)
{
	static char memory[2 * STS_POLICY_BYTES_MAX];
	struct buf file;
	struct sts_policy again;
	struct text pattern;
	struct fail fail;
	buf_init(&file, memory, sizeof memory);
	buf_put_cstr(&file, "version:STSv1\nmode:");
	buf_put_text(&file, sts_mode_text(policy->mode));
	buf_printf(&file, "\nmax_age:%u", policy->max_age_s);
	for (size_t at = 0; sts_policy_next_mx(policy, &at, &pattern);) {
		buf_put_cstr(&file, "\nmx:");
		buf_put_text(&file, pattern);
	}
	CHECK(!file.overflow && file.len <= policy->text.len); /* nothing is left out but spaces */
	CHECK(sts_policy_parse(buf_text(&file), &again, &fail) == RESULT_OK);
	CHECK(again.mode == policy->mode);
	CHECK(again.max_age_s == policy->max_age_s);
	CHECK(again.mx_count == policy->mx_count);
}

static void check_policy(const struct sts_policy *policy, struct text host)
{
	size_t count = 0;
	struct text pattern;
	CHECK((unsigned)policy->mode < STS_MODES);
	CHECK(policy->max_age_s <= STS_MAX_AGE_MAX_S);
	CHECK(policy->mode == STS_MODE_NONE || policy->mx_count > 0);
	for (size_t at = 0; sts_policy_next_mx(policy, &at, &pattern); count++)
		if (count < 64) /* each walks through all */
			check_pattern(policy, pattern);
	CHECK(count == policy->mx_count);
	check_host(policy, host);
	check_again(policy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct text file = text_of_bytes(data, len), host;
	struct sts_policy policy;
	struct fail fail;
	if (!text_split(&file, '\n', &host))
		return 0;
	/* Memory that ends where the file does. */
	char *copy = malloc(file.len > 0 ? file.len : 1);
	CHECK(copy != NULL);
	if (file.len > 0)
		memcpy(copy, file.data, file.len);
	enum result r = sts_policy_parse(text_of_bytes(copy, file.len), &policy, &fail);
	if (r == RESULT_OK) {
		check_policy(&policy, host);
	} else {
		CHECK((r == RESULT_TOO_LONG) == (file.len > STS_POLICY_BYTES_MAX));
		CHECK(policy.mx_count == 0 && policy.text.len == 0);
		CHECK(fail.text[0] != '\0');
		CHECK(text_is_printable(text_of(fail.text)));
	}
	free(copy);
	return 0;
}
