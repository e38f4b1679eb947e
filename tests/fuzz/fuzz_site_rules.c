/* Rules for sites in the first line and behind each "~", then a line with a domain and its hosts: rules are read
 * or refused with a sentence, and what matches is some of them, each once. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "engine/base/check.h"
#include "engine/plan/provider.h"
#include "engine/plan/site_rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HOSTS_MAX = 4, NAME_BYTES = 255 };

static void check_rule(const struct site_rule *rule)
{
	CHECK(rule->sessions > 0 || rule->per_session > 0 || rule->rate.count > 0);
	CHECK(rule->sessions <= SITE_SESSIONS_MAX);
	CHECK(rule->per_session <= SITE_PER_SESSION_MAX);
	struct token_bucket bucket;
	token_bucket_init(&bucket, rule->rate);
	CHECK(token_bucket_take(&bucket, 1));
	CHECK(rule->rate.count == 0 || token_bucket_count(&bucket, 1) < RATE_PER_SECOND_MAX);
}

static void check_match(const struct site_rules *rules, struct text line)
{
	char names[1 + HOSTS_MAX][NAME_BYTES + 1] = { "", "" };
	const char *hosts[HOSTS_MAX];
	char key[PROVIDER_KEY_MAX];
	struct text word;
	size_t count = 0;
	while (count < 1 + HOSTS_MAX && text_split(&line, ' ', &word))
		snprintf(names[count++], sizeof names[0], "%.*s", TEXT_ARG(word));
	for (size_t i = 0; i < HOSTS_MAX; i++)
		hosts[i] = names[1 + i];
	size_t hosts_count = count > 2 ? count - 1 : 1;
	struct site_place place = { key, false, hosts, hosts_count, names[0] };
	place.is_known = provider_key(hosts, hosts_count, key);
	struct site_match match;
	site_rules_match(rules, &place, &match);
	CHECK(match.count <= SITE_MATCHES_MAX);
	for (size_t i = 0; i < match.count; i++) {
		CHECK(match.rules[i] >= rules->items &&
			match.rules[i] < rules->items + rules->count);
		for (size_t j = 0; j < i; j++)
			CHECK(match.rules[i] != match.rules[j]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena arena;
	struct text input = text_of_bytes(data, size), file = TEXT_EMPTY;
	struct option_words words;
	struct site_rules rules = { .count = 0 };
	struct fail fail;
	if (arena.max_bytes == 0)
		arena_init(&arena, 1 << 16, 1 << 24);
	(void)text_split(&input, '\n', &file);
	char *text = malloc(file.len + 1);
	CHECK(text != NULL);
	for (size_t i = 0; i < file.len; i++)
		text[i] = file.data[i] == '~' ? '\n' : file.data[i];
	text[file.len] = '\0';
	fail_clear(&fail);
	if (options_file_split(text, file.len, &arena, &words, &fail) == RESULT_OK) {
		if (site_rules_add(&rules, &words, size % 2 == 1, &arena, &fail) == RESULT_OK) {
			for (size_t i = 0; i < rules.count; i++)
				check_rule(&rules.items[i]);
			check_match(&rules, input);
		} else {
			CHECK(fail.text[0] != '\0');
		}
	}
	free(text);
	arena_reset(&arena);
	return 0;
}
