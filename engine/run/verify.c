#include "engine/run/verify.h"
#include <stdio.h>
#include <stdlib.h>
#include "engine/base/domain_name.h"
#include "engine/base/json_object.h"
#include "engine/base/policy.h"
#include "engine/base/time_text.h"
#include "engine/base/tlsa_text.h"
#include "engine/io/clock.h"
#include "engine/run/run.h"
#include "engine/run/verify_options.h"
#include "tls/dane_verify.h"
#include "tls/tls_chain_file.h"
#include "tls/tlsa_usable.h"

enum {
	RECORD_TEXT_BYTES = 2 * TLSA_DATA_BYTES_MAX + 32,
	HEX_BYTES_SHOWN = 64, /* the longest digest, for people; of a whole certificate the front */
	JSON_BYTES_MAX = 2 * RECORD_TEXT_BYTES,
	US_PER_S = 1000000,
};

enum verdict { VERDICT_MATCH, VERDICT_NO_MATCH, VERDICT_UNUSABLE };

struct verify {
	struct arena arena;
	struct verify_options options;
	struct tls_chain_file chain;
	struct tlsa_record records[TLSA_RECORDS_MAX]; /* as given */
	size_t records_count;
	struct tlsa_record usable[TLSA_RECORDS_MAX];
	size_t usable_count;
	struct text names[SECURITY_NAMES_MAX];
	size_t names_count;
	uint64_t time_s;
	struct fail fail;

	enum verdict verdict;
	struct dane_verdict dane; /* of MATCH and NO_MATCH */
};

/* ---- arguments ---- */

static enum result parse_records(struct verify *v)
{
	const struct option_list *list = &v->options.tlsa;
	if (list->count == 0)
		return fail_set(&v->fail, RESULT_INVALID, "--tlsa 'U S M HEX' is needed: a TLSA record");
	if (list->count > TLSA_RECORDS_MAX)
		return fail_set(&v->fail, RESULT_INVALID,
			"--tlsa: %zu records, of one host at most %d are looked at", list->count,
			TLSA_RECORDS_MAX);
	for (size_t i = 0; i < list->count; i++) {
		enum result r = tlsa_text_parse(
			text_of(list->items[i]), &v->arena, &v->records[i], &v->fail);
		if (r != RESULT_OK)
			return fail_prefix(&v->fail, "--tlsa");
	}
	v->records_count = list->count;
	v->usable_count = tlsa_usable(v->records, v->records_count, v->usable);
	return RESULT_OK;
}

static bool any_anchor(const struct verify *v)
{
	for (size_t i = 0; i < v->usable_count; i++)
		if (v->usable[i].usage == TLSA_USAGE_DANE_TA)
			return true;
	return false;
}

static enum result parse_names(struct verify *v)
{
	const struct option_list *list = &v->options.name;
	if (list->count > SECURITY_NAMES_MAX)
		return fail_set(&v->fail, RESULT_INVALID, "--name: %zu names, at most %d", list->count,
			SECURITY_NAMES_MAX);
	for (size_t i = 0; i < list->count; i++) {
		char ascii[DOMAIN_NAME_SIZE];
		enum domain_name_fault fault = domain_name_to_ascii(text_of(list->items[i]), ascii);
		if (fault != DOMAIN_NAME_OK)
			return fail_set(&v->fail, RESULT_INVALID, "--name: '%s' %s", list->items[i],
				domain_name_fault_text(fault));
		v->names[i] = arena_text_copy(&v->arena, text_of(ascii));
		if (v->names[i].data == NULL)
			return fail_set(&v->fail, RESULT_MEMORY, "out of memory");
	}
	v->names_count = list->count;
	if (v->names_count == 0 && any_anchor(v))
		return fail_set(&v->fail, RESULT_INVALID,
			"--name HOST is needed: a record of usage 2 holds only for a certificate "
			"with a name of the host");
	return RESULT_OK;
}

static enum result parse_time(struct verify *v)
{
	struct text text = text_of(v->options.time);
	int64_t us = clock_wall_us();
	if (text.len > 0 && text_to_u64(text, &v->time_s))
		return RESULT_OK;
	if (text.len > 0 && (time_text_parse_rfc3339(text, &us) != RESULT_OK || us < 0))
		return fail_set(&v->fail, RESULT_INVALID,
			"--time: '%.*s' is no time such as 2026-09-01T12:00:00Z, and no number of seconds "
			"since 1970",
			TEXT_ARG(text_cut(text, 60)));
	v->time_s = (uint64_t)us / US_PER_S;
	return RESULT_OK;
}

static enum result parse(struct verify *v, int argc, char *const *argv)
{
	enum result r =
		options_parse(&verify_option_table, &v->options, argc, argv, &v->arena, NULL, &v->fail);
	if (r != RESULT_OK || v->options.help)
		return r;
	if (*v->options.chain == '\0')
		return fail_set(&v->fail, RESULT_INVALID,
			"--chain FILE is needed: the certificates as the host shows them, in PEM form");
	r = parse_records(v);
	if (r == RESULT_OK)
		r = parse_names(v);
	return r == RESULT_OK ? parse_time(v) : r;
}

/* ---- the question ---- */

static enum result verify(struct verify *v)
{
	enum result r = tls_chain_file_load(v->options.chain, &v->chain, &v->fail);
	if (r != RESULT_OK)
		return fail_prefix(&v->fail, "--chain");
	const struct dane_question question = {
		.chain = &v->chain.chain,
		.records = v->usable,
		.records_count = v->usable_count,
		.names = v->names,
		.names_count = v->names_count,
		.time_s = v->time_s,
	};
	if (v->usable_count == 0) {
		v->verdict = VERDICT_UNUSABLE; /* TLSA-02, DANE-15: whatever the chain is */
	} else {
		dane_verify(&question, &v->dane);
		v->verdict = v->dane.is_match ? VERDICT_MATCH : VERDICT_NO_MATCH;
	}
	tls_chain_file_unload(&v->chain);
	return RESULT_OK;
}

/* ---- the answer ---- */

static const char *verdict_text(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_MATCH: return "match";
	case VERDICT_NO_MATCH: return "no-match";
	case VERDICT_UNUSABLE: return "unusable";
	}
	UNREACHABLE("a verdict that is not in the enum");
}

static int exit_status_of(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_MATCH: return RUN_EXIT_DONE;
	case VERDICT_NO_MATCH: return RUN_EXIT_NO;
	case VERDICT_UNUSABLE: return RUN_EXIT_UNUSABLE;
	}
	UNREACHABLE("a verdict that is not in the enum");
}

static const char *reason_of(const struct verify *v)
{
	switch (v->verdict) {
	case VERDICT_MATCH: return "";
	case VERDICT_NO_MATCH: return v->dane.reason;
	case VERDICT_UNUSABLE:
		return "has no TLSA record that can be used, so that TLS is demanded and no proof";
	}
	UNREACHABLE("a verdict that is not in the enum");
}

/* What a TLS report would call it (RFC 8460 4.3). */
static enum tls_result result_of(const struct verify *v)
{
	switch (v->verdict) {
	case VERDICT_MATCH: return TLS_RESULT_SUCCESS;
	case VERDICT_NO_MATCH: return tls_failure_result(v->dane.failure);
	case VERDICT_UNUSABLE: return TLS_RESULT_TLSA_INVALID;
	}
	UNREACHABLE("a verdict that is not in the enum");
}

static void put_record(struct buf *out, const struct tlsa_record *record)
{
	if (record != NULL) {
		json_object_put_number(out, "usage", record->usage);
		json_object_put_number(out, "selector", record->selector);
		json_object_put_number(out, "mtype", record->matching);
		return;
	}
	json_object_put_null(out, "usage");
	json_object_put_null(out, "selector");
	json_object_put_null(out, "mtype");
}

static void print_json(const struct verify *v)
{
	static uint8_t memory[JSON_BYTES_MAX];
	const struct tlsa_record *record = v->verdict == VERDICT_MATCH ? &v->usable[v->dane.record] : NULL;
	struct buf out;
	buf_init(&out, memory, sizeof memory);
	json_object_open(&out, NULL);
	json_object_put_text(&out, "verdict", text_of(verdict_text(v->verdict)));
	put_record(&out, record);
	if (record != NULL)
		json_object_put_number(&out, "depth", v->dane.depth);
	else
		json_object_put_null(&out, "depth");
	json_object_put_text(&out, "reason", text_of(reason_of(v)));
	json_object_put_text(&out, "result", tls_result_text(result_of(v)));
	json_object_close(&out);
	CHECK(!out.overflow);
	printf("%.*s\n", TEXT_ARG(buf_text(&out)));
}

static void print_record_text(const struct tlsa_record *record)
{
	char memory[2 * HEX_BYTES_SHOWN + 32];
	struct buf text;
	buf_init(&text, memory, sizeof memory);
	tlsa_text_put(&text, record, HEX_BYTES_SHOWN);
	printf("%.*s", TEXT_ARG(buf_text(&text)));
}

/* Whether it takes part in the decision, and if not, why. */
static const char *use_of(const struct verify *v, const struct tlsa_record *record)
{
	struct tlsa_record alone;
	for (size_t i = 0; i < v->usable_count; i++)
		if (tlsa_record_compare(&v->usable[i], record) == 0)
			return "used    ";
	return tlsa_usable(record, 1, &alone) > 0 ? "outdone " : "unusable";
}

static void print_text(const struct verify *v)
{
	for (size_t i = 0; i < v->records_count; i++) {
		printf("  %s  ", use_of(v, &v->records[i]));
		print_record_text(&v->records[i]);
		putchar('\n');
	}
	printf("%s: ", verdict_text(v->verdict));
	if (v->verdict != VERDICT_MATCH) {
		printf("%.*s %s\n", TEXT_ARG(v->names_count > 0 ? v->names[0] : TEXT("the host")),
			reason_of(v));
		return;
	}
	print_record_text(&v->usable[v->dane.record]);
	if (v->dane.depth == 0)
		puts(" stands for the host's own certificate");
	else
		printf(" stands for an anchor, %zu above the host's own certificate\n", v->dane.depth);
}

/* ---- the command ---- */

static int verify_command(struct verify *v, int argc, char *const *argv)
{
	enum result r = parse(v, argc, argv);
	if (r == RESULT_OK && v->options.help) {
		options_print_help(&verify_option_table, stdout);
		return RUN_EXIT_DONE;
	}
	if (r == RESULT_OK)
		r = verify(v);
	if (r != RESULT_OK) {
		fprintf(stderr, "longship verify: %s\n", v->fail.text);
		return RUN_EXIT_ARGUMENTS;
	}
	if (v->options.json)
		print_json(v);
	else
		print_text(v);
	return exit_status_of(v->verdict);
}

int run_verify(int argc, char *const *argv)
{
	struct verify *v = calloc(1, sizeof *v);
	if (v == NULL) {
		fputs("longship verify: out of memory\n", stderr);
		return RUN_EXIT_ARGUMENTS;
	}
	arena_init(&v->arena, 16384, OPTIONS_ARENA_BYTES_MAX);
	int status = verify_command(v, argc, argv);
	arena_deinit(&v->arena);
	free(v);
	return status;
}
