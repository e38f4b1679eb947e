#include "engine/run/sts.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "engine/base/domain_name.h"
#include "engine/base/json_object.h"
#include "engine/base/limits.h"
#include "engine/run/run.h"
#include "engine/run/sts_options.h"
#include "tls/sts_policy.h"
#include "tls/sts_record.h"

enum {
	/* As many as an answer of the DNS can bring. */
	HOSTS_MAX = DNS_RECORDS_MAX,
	HOST_JSON_BYTES = 2 * DOMAIN_NAME_SIZE + 64,
	REASON_SIZE = DOMAIN_NAME_SIZE + 64,
	/* A pattern takes no more room than its line of the file. */
	JSON_BYTES_MAX = STS_POLICY_BYTES_MAX + HOSTS_MAX * HOST_JSON_BYTES + 4096,
};

enum verdict { VERDICT_VALID, VERDICT_NO_MATCH, VERDICT_INVALID };

struct host {
	char name[DOMAIN_NAME_SIZE];
	bool is_covered;
	struct text pattern; /* if it is */
};

struct check {
	struct arena arena;
	struct sts_options options;
	struct fail fail;
	enum verdict verdict;
	char reason[REASON_SIZE]; /* why it is not valid, or not a match */

	/* --policy */
	char file[STS_POLICY_BYTES_MAX + 1]; /* one more, so that a longer one shows */
	size_t file_bytes;
	struct sts_policy policy;
	struct host hosts[HOSTS_MAX];
	size_t hosts_count;

	/* --txt */
	struct text txt[DNS_RECORDS_MAX];
	enum sts_record_fault fault;
	struct sts_record record;
};

static bool is_about_policy(const struct check *c) { return *c->options.policy != '\0'; }

static_assert(sizeof((struct fail *)0)->text <= REASON_SIZE, "no reason is cut");

/* ---- arguments ---- */

static enum result parse_hosts(struct check *c)
{
	const struct option_list *list = &c->options.mx;
	if (list->count > HOSTS_MAX)
		return fail_set(&c->fail, RESULT_INVALID, "--mx: %zu hosts, at most %d",
			list->count, HOSTS_MAX);
	for (size_t i = 0; i < list->count; i++) {
		enum domain_name_fault fault =
			domain_name_to_ascii(text_of(list->items[i]), c->hosts[i].name);
		if (fault != DOMAIN_NAME_OK)
			return fail_set(&c->fail, RESULT_INVALID, "--mx: '%s' %s", list->items[i],
				domain_name_fault_text(fault));
	}
	c->hosts_count = list->count;
	return RESULT_OK;
}

static enum result parse_records(struct check *c)
{
	const struct option_list *list = &c->options.txt;
	if (c->options.mx.count > 0)
		return fail_set(&c->fail, RESULT_INVALID,
			"--mx goes with --policy: a TXT record names no hosts");
	if (list->count > DNS_RECORDS_MAX)
		return fail_set(&c->fail, RESULT_INVALID,
			"--txt: %zu records, of one answer at most %d are looked at", list->count,
			DNS_RECORDS_MAX);
	for (size_t i = 0; i < list->count; i++)
		c->txt[i] = text_of(list->items[i]);
	return RESULT_OK;
}

static enum result parse(struct check *c, int argc, char *const *argv)
{
	enum result r = options_parse(
		&sts_option_table, &c->options, argc, argv, &c->arena, NULL, &c->fail);
	if (r != RESULT_OK || c->options.help)
		return r;
	if (is_about_policy(c) == (c->options.txt.count > 0))
		return fail_set(&c->fail, RESULT_INVALID,
			"one of --policy FILE and --txt RECORD is needed: what to check");
	return is_about_policy(c) ? parse_hosts(c) : parse_records(c);
}

/* ---- the question ---- */

static enum result read_file(struct check *c)
{
	const char *path = c->options.policy;
	FILE *file = fopen(path, "rbe");
	if (file == NULL)
		return fail_set_errno(&c->fail, errno, "--policy: cannot open %s", path);
	c->file_bytes = fread(c->file, 1, sizeof c->file, file);
	int sys_errno = ferror(file) ? errno : 0;
	fclose(file);
	if (sys_errno != 0)
		return fail_set_errno(&c->fail, sys_errno, "--policy: cannot read %s", path);
	return RESULT_OK;
}

/* Each one is looked at; the words are about the first that is not covered. */
static void match_hosts(struct check *c)
{
	for (size_t i = 0; i < c->hosts_count; i++) {
		struct host *host = &c->hosts[i];
		host->is_covered =
			sts_policy_covers(&c->policy, text_of(host->name), &host->pattern);
		if (host->is_covered || c->verdict != VERDICT_VALID)
			continue;
		c->verdict = VERDICT_NO_MATCH;
		snprintf(c->reason, sizeof c->reason, "no mx of the policy covers %s", host->name);
	}
}

static enum result check_policy(struct check *c)
{
	enum result r = read_file(c);
	if (r != RESULT_OK)
		return r;
	if (sts_policy_parse(text_of_bytes(c->file, c->file_bytes), &c->policy, &c->fail) ==
		RESULT_OK) {
		match_hosts(c);
		return RESULT_OK;
	}
	c->verdict = VERDICT_INVALID;
	snprintf(c->reason, sizeof c->reason, "%s", c->fail.text);
	return RESULT_OK;
}

static enum result check_records(struct check *c)
{
	c->fault = sts_record_choose(c->txt, c->options.txt.count, &c->record, &c->fail);
	if (c->fault != STS_RECORD_OK) {
		c->verdict = VERDICT_INVALID;
		snprintf(c->reason, sizeof c->reason, "%s", c->fail.text);
	}
	return RESULT_OK;
}

/* ---- the answer ---- */

static const char *verdict_text(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_VALID: return "valid";
	case VERDICT_NO_MATCH: return "no-match";
	case VERDICT_INVALID: return "invalid";
	}
	UNREACHABLE("a verdict that is not in the enum");
}

static int exit_status_of(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_VALID: return RUN_EXIT_DONE;
	case VERDICT_NO_MATCH: return RUN_EXIT_NOT_COVERED;
	case VERDICT_INVALID: return RUN_EXIT_NO;
	}
	UNREACHABLE("a verdict that is not in the enum");
}

static void put_policy(struct buf *out, const struct check *c)
{
	struct text pattern;
	if (c->verdict != VERDICT_INVALID) {
		json_object_put_text(out, "mode", sts_mode_text(c->policy.mode));
		json_object_put_number(out, "max_age", c->policy.max_age_s);
	} else {
		json_object_put_null(out, "mode");
		json_object_put_null(out, "max_age");
	}
	json_object_open_list(out, "mx");
	for (size_t at = 0; sts_policy_next_mx(&c->policy, &at, &pattern);)
		json_object_put_text(out, NULL, pattern);
	json_object_close_list(out);
}

/* Nothing of a policy that is not valid counts, so that no host can be covered or not. */
static void put_hosts(struct buf *out, const struct check *c)
{
	json_object_open_list(out, "hosts");
	for (size_t i = 0; i < c->hosts_count && c->verdict != VERDICT_INVALID; i++) {
		json_object_open(out, NULL);
		json_object_put_text(out, "host", text_of(c->hosts[i].name));
		json_object_put_bool(out, "match", c->hosts[i].is_covered);
		if (c->hosts[i].is_covered)
			json_object_put_text(out, "pattern", c->hosts[i].pattern);
		else
			json_object_put_null(out, "pattern");
		json_object_close(out);
	}
	json_object_close_list(out);
}

static void put_record(struct buf *out, const struct check *c)
{
	if (c->fault == STS_RECORD_OK) {
		json_object_put_text(out, "id", text_of(c->record.id));
		json_object_put_null(out, "fault");
	} else {
		json_object_put_null(out, "id");
		json_object_put_text(out, "fault", text_of(sts_record_fault_text(c->fault)));
	}
}

static void print_json(const struct check *c)
{
	static uint8_t memory[JSON_BYTES_MAX];
	struct buf out;
	buf_init(&out, memory, sizeof memory);
	json_object_open(&out, NULL);
	json_object_put_text(&out, "verdict", text_of(verdict_text(c->verdict)));
	if (is_about_policy(c)) {
		put_policy(&out, c);
		put_hosts(&out, c);
	} else {
		put_record(&out, c);
	}
	json_object_put_text(&out, "reason", text_of(c->reason));
	json_object_close(&out);
	CHECK(!out.overflow);
	printf("%.*s\n", TEXT_ARG(buf_text(&out)));
}

static void print_policy_text(const struct check *c)
{
	struct text pattern;
	printf("  mode         %.*s\n", TEXT_ARG(sts_mode_text(c->policy.mode)));
	printf("  max_age      %u s\n", c->policy.max_age_s);
	for (size_t at = 0; sts_policy_next_mx(&c->policy, &at, &pattern);)
		printf("  mx           %.*s\n", TEXT_ARG(pattern));
	for (size_t i = 0; i < c->hosts_count; i++) {
		const struct host *host = &c->hosts[i];
		if (host->is_covered)
			printf("  covered      %s by %.*s\n", host->name, TEXT_ARG(host->pattern));
		else
			printf("  not covered  %s\n", host->name);
	}
}

/* What a valid one means, in words. */
static const char *meaning_of(const struct check *c)
{
	if (!is_about_policy(c))
		return c->record.is_spaced
			       ? ", with white space before the first semicolon, which not "
				 "every sender takes"
			       : "";
	switch (c->policy.mode) {
	case STS_MODE_NONE: return "the domain asks for nothing";
	case STS_MODE_TESTING: return "failures are reported and mail is delivered all the same";
	case STS_MODE_ENFORCE: return "mail goes to covered hosts with a good certificate alone";
	case STS_MODES: break;
	}
	UNREACHABLE("a mode that is not in the enum");
}

static void print_text(const struct check *c)
{
	if (is_about_policy(c) && c->verdict != VERDICT_INVALID)
		print_policy_text(c);
	printf("%s: ", verdict_text(c->verdict));
	if (c->verdict != VERDICT_VALID)
		puts(c->reason);
	else if (is_about_policy(c))
		puts(meaning_of(c));
	else
		printf("id %s%s\n", c->record.id, meaning_of(c));
}

/* ---- the command ---- */

static int sts_command(struct check *c, int argc, char *const *argv)
{
	enum result r = parse(c, argc, argv);
	if (r == RESULT_OK && c->options.help) {
		options_print_help(&sts_option_table, stdout);
		return RUN_EXIT_DONE;
	}
	if (r == RESULT_OK)
		r = is_about_policy(c) ? check_policy(c) : check_records(c);
	if (r != RESULT_OK) {
		fprintf(stderr, "longship sts: %s\n", c->fail.text);
		return RUN_EXIT_ARGUMENTS;
	}
	if (c->options.json)
		print_json(c);
	else
		print_text(c);
	return exit_status_of(c->verdict);
}

int run_sts(int argc, char *const *argv)
{
	struct check *c = calloc(1, sizeof *c);
	if (c == NULL) {
		fputs("longship sts: out of memory\n", stderr);
		return RUN_EXIT_ARGUMENTS;
	}
	arena_init(&c->arena, 16384, OPTIONS_ARENA_BYTES_MAX);
	int status = sts_command(c, argc, argv);
	arena_deinit(&c->arena);
	free(c);
	return status;
}
