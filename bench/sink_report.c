#include "bench/sink_report.h"
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include "bench/manifest.h"
#include "engine/io/file.h"

struct named_count {
	const char *name, *ids, *text;
};

static const struct named_count oddity_rows[SINK_ODDITY_COUNT] = {
#define ODDITY(name_, ids_, text_) [SINK_ODDITY_##name_] = { #name_, ids_, text_ },
#include "bench/sink_oddities.def"
#undef ODDITY
};

/* ---- making ---- */

static uint64_t process_cpu_us(void)
{
	struct rusage usage;
	CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
	return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
		(uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static bool is_as_expected(const struct sink_report *report)
{
	const struct sink_account *account = &report->account;
	bool count_fits = report->expect < 0 || account->delivered == (uint64_t)report->expect;
	return count_fits && account->missing == 0 && account->duplicates == 0 &&
		account->damaged == 0 && account->unexpected == 0 && account->lost_records == 0;
}

enum result sink_report_make(const struct sink_report_config *config, struct sink_report *out_report,
	struct fail *fail)
{
	struct sink_ledger *ledgers[256];
	struct sink_expected *expected = NULL;
	size_t expected_count = 0;
	CHECK(config->books_count <= COUNT_OF(ledgers));
	memset(out_report, 0, sizeof *out_report);
	out_report->wall_ns = config->now_ns - config->began_ns;
	out_report->cpu_us = process_cpu_us();
	for (size_t i = 0; i < config->books_count; i++) {
		sink_book_sum(&out_report->sum, config->books[i]);
		ledgers[i] = &config->books[i]->ledger;
	}
	for (unsigned i = 0; i < SINK_ODDITY_COUNT; i++)
		out_report->oddities += sink_counted(&out_report->sum.oddities[i]);
	out_report->sessions = config->sessions;
	out_report->sessions_most = config->sessions_most;
	out_report->expect = config->expect;
	out_report->has_manifest = config->manifest != NULL;
	if (config->manifest != NULL) {
		enum result result =
			manifest_read(config->manifest, &expected, &expected_count, fail);
		if (result != RESULT_OK)
			return result;
	}
	bool made = sink_account_make(
		ledgers, config->books_count, expected, expected_count, &out_report->account);
	free(expected);
	if (!made)
		return fail_set(fail, RESULT_MEMORY, "no memory for the account");
	out_report->as_expected = is_as_expected(out_report);
	return RESULT_OK;
}

/* ---- for people ---- */

static void print_row(FILE *out, const char *text, uint64_t count)
{
	fprintf(out, "  %-58s %12llu\n", text, (unsigned long long)count);
}

static void print_examples(FILE *out, const char *text, const struct sink_examples *examples)
{
	if (examples->count == 0)
		return;
	fprintf(out, "  %s:", text);
	for (size_t i = 0; i < examples->count; i++)
		fprintf(out, " %llu", (unsigned long long)examples->ids[i]);
	fputc('\n', out);
}

static void print_account(const struct sink_report *report, FILE *out)
{
	const struct sink_account *account = &report->account;
	fprintf(out, "Deliveries, by token and recipient\n");
	print_row(out, "different ones", account->delivered);
	print_row(out, "arrived again", account->duplicates);
	print_row(out, "damaged", account->damaged);
	print_row(out, "taken without an answer to the sender", account->unanswered);
	if (report->has_manifest) {
		print_row(out, "in the manifest and missing", account->missing);
		print_row(out, "not in the manifest", account->unexpected);
	}
	if (account->lost_records != 0)
		fprintf(out, "  NOT WHOLE: there was no memory for all records\n");
	print_examples(out, "first ids that arrived again", &account->duplicate);
	print_examples(out, "first ids that are damaged", &account->damage);
	print_examples(out, "first ids that are missing", &account->absent);
}

void sink_report_print(const struct sink_report *report, FILE *out)
{
	fprintf(out, "Counters\n");
#define COUNTER(name, text) print_row(out, text, sink_counted(&report->sum.counters.name));
#include "bench/sink_counters.def"
#undef COUNTER
	print_row(out, "sessions at once, at most", report->sessions_most);
	print_row(out, "CPU of the sink, us", report->cpu_us);
	print_account(report, out);
	if (report->oddities > 0)
		fprintf(out, "What clients did wrong\n");
	for (unsigned i = 0; i < SINK_ODDITY_COUNT; i++)
		if (sink_counted(&report->sum.oddities[i]) > 0)
			fprintf(out, "  %-20s %8llu  %s (%s)\n", oddity_rows[i].name,
				(unsigned long long)sink_counted(&report->sum.oddities[i]),
				oddity_rows[i].text, oddity_rows[i].ids);
	if (report->has_manifest || report->expect >= 0)
		fprintf(out, "%s\n", report->as_expected ? "AS EXPECTED" : "NOT AS EXPECTED");
	fflush(out);
}

/* ---- for programs ---- */

static void set_number(json_t *object, const char *key, uint64_t value)
{
	CHECK(json_object_set_new(object, key, json_integer((json_int_t)value)) == 0);
}

static json_t *examples_json(const struct sink_examples *examples)
{
	json_t *array = json_array();
	for (size_t i = 0; i < examples->count; i++)
		CHECK(json_array_append_new(array, json_integer((json_int_t)examples->ids[i])) == 0);
	return array;
}

static json_t *account_json(const struct sink_report *report)
{
	const struct sink_account *account = &report->account;
	json_t *object = json_object();
	set_number(object, "records", account->records);
	set_number(object, "delivered", account->delivered);
	set_number(object, "duplicates", account->duplicates);
	set_number(object, "damaged", account->damaged);
	set_number(object, "unanswered", account->unanswered);
	set_number(object, "missing", account->missing);
	set_number(object, "unexpected", account->unexpected);
	set_number(object, "lost_records", account->lost_records);
	CHECK(json_object_set_new(object, "duplicate_ids", examples_json(&account->duplicate)) == 0);
	CHECK(json_object_set_new(object, "damaged_ids", examples_json(&account->damage)) == 0);
	CHECK(json_object_set_new(object, "missing_ids", examples_json(&account->absent)) == 0);
	return object;
}

static json_t *report_json(const struct sink_report *report)
{
	json_t *root = json_object(), *counters = json_object(), *oddities = json_object();
#define COUNTER(name, text) set_number(counters, #name, sink_counted(&report->sum.counters.name));
#include "bench/sink_counters.def"
#undef COUNTER
	set_number(counters, "sessions", report->sessions);
	set_number(counters, "sessions_most", report->sessions_most);
	for (unsigned i = 0; i < SINK_ODDITY_COUNT; i++)
		set_number(oddities, oddity_rows[i].name, sink_counted(&report->sum.oddities[i]));
	CHECK(json_object_set_new(root, "counters", counters) == 0);
	CHECK(json_object_set_new(root, "oddities", oddities) == 0);
	CHECK(json_object_set_new(root, "deliveries", account_json(report)) == 0);
	set_number(root, "oddities_total", report->oddities);
	set_number(root, "cpu_us", report->cpu_us);
	set_number(root, "wall_us", report->wall_ns / 1000);
	CHECK(json_object_set_new(root, "as_expected", json_boolean(report->as_expected)) == 0);
	return root;
}

static enum result write_whole(const char *text, const char *path, struct fail *fail)
{
	char part[4096];
	int fd;
	if (snprintf(part, sizeof part, "%s.part", path) >= (int)sizeof part)
		return fail_set(fail, RESULT_TOO_LONG, "the name of the report is too long");
	enum result result = file_unlink(AT_FDCWD, part, fail); /* of a run that was killed */
	if (result == RESULT_OK || result == RESULT_NOT_FOUND)
		result = file_create(AT_FDCWD, part, &fd, fail);
	if (result != RESULT_OK)
		return result;
	result = file_write_all(fd, text, strlen(text), fail);
	file_close(fd);
	if (result == RESULT_OK)
		result = file_rename_replacing(AT_FDCWD, part, AT_FDCWD, path, fail);
	return result;
}

enum result sink_report_write(const struct sink_report *report, const char *path, struct fail *fail)
{
	json_t *root = report_json(report);
	char *text = json_dumps(root, JSON_INDENT(1) | JSON_SORT_KEYS);
	json_decref(root);
	if (text == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory for the report");
	enum result result = write_whole(text, path, fail);
	free(text);
	return result;
}
