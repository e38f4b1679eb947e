#include "bench/floor_report.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* A round of all threads: their counters added, the time of the slowest. */
static struct floor_round sum_round(const struct floor_report *report, uint32_t index)
{
	struct floor_round sum = { 0 };
	for (uint64_t i = 0; i < report->workers; i++) {
		const struct floor_round *round = &report->threads[i].rounds[index];
		sum.messages += round->messages;
		sum.cpu_ns += round->cpu_ns;
		sum.user_us += round->user_us;
		sum.system_us += round->system_us;
		sum.enters += round->enters;
		sum.sends += round->sends;
		sum.receives += round->receives;
		if (round->wall_ns > sum.wall_ns)
			sum.wall_ns = round->wall_ns;
	}
	return sum;
}

static double per(uint64_t what, uint64_t count) { return (double)what / (double)count; }

static double cpu_us(const struct floor_round *round)
{
	return per(round->cpu_ns, round->messages) / 1000;
}

static double rate(uint64_t count, uint64_t wall_ns)
{
	return wall_ns > 0 ? (double)count * 1e9 / (double)wall_ns : 0;
}

static uint32_t cheapest(const struct floor_report *report)
{
	uint32_t best = 0;
	for (uint32_t i = 1; i < report->threads[0].rounds_count; i++) {
		struct floor_round one = sum_round(report, i), other = sum_round(report, best);
		if (cpu_us(&one) < cpu_us(&other))
			best = i;
	}
	return best;
}

static double files_us(const struct floor_files_round *round)
{
	return per(round->read_cpu_ns + round->unlink_cpu_ns, round->files) / 1000;
}

static uint32_t cheapest_files(const struct floor_files_result *files)
{
	uint32_t best = 0;
	for (uint32_t i = 1; i < files->rounds_count; i++)
		if (files_us(&files->rounds[i]) < files_us(&files->rounds[best]))
			best = i;
	return best;
}

/* ---- for people ---- */

static void print_rounds(const struct floor_report *report, FILE *out)
{
	fprintf(out, "%s: %llu sessions, %llu threads, messages of %llu octets\n", report->what,
		(unsigned long long)report->sessions, (unsigned long long)report->workers,
		(unsigned long long)report->size);
	fprintf(out, "%8s %12s %12s %8s %8s %10s %8s %8s %8s\n", "round", "messages", "CPU us/msg",
		"user", "system", "msg/s", "enters", "sends", "receives");
	for (uint32_t i = 0; i < report->threads[0].rounds_count; i++) {
		struct floor_round round = sum_round(report, i);
		fprintf(out, "%8u %12llu %12.2f %8.2f %8.2f %10.0f %8.3f %8.3f %8.3f\n", i + 1,
			(unsigned long long)round.messages, cpu_us(&round),
			per(round.user_us, round.messages), per(round.system_us, round.messages),
			rate(round.messages, round.wall_ns), per(round.enters, round.messages),
			per(round.sends, round.messages), per(round.receives, round.messages));
	}
	struct floor_round best = sum_round(report, cheapest(report));
	fprintf(out, "floor: %.2f us of CPU a message, at %.0f messages a second\n", cpu_us(&best),
		rate(best.messages, best.wall_ns));
	if (report->sink_refused > 0)
		fprintf(out, "NOT A FLOOR: %llu replies were refusals\n",
			(unsigned long long)report->sink_refused);
}

static void print_files(const struct floor_report *report, FILE *out)
{
	const struct floor_files_result *files = report->files;
	fprintf(out, "files of %llu octets in %s\n", (unsigned long long)report->size, report->dir);
	fprintf(out, "%8s %12s %12s %16s %12s %12s\n", "round", "files", "CPU us/file",
		"open+read+close", "unlink", "written/s");
	for (uint32_t i = 0; i < files->rounds_count; i++) {
		const struct floor_files_round *round = &files->rounds[i];
		fprintf(out, "%8u %12llu %12.2f %16.2f %12.2f %12.0f\n", i + 1,
			(unsigned long long)round->files, files_us(round),
			per(round->read_cpu_ns, round->files) / 1000,
			per(round->unlink_cpu_ns, round->files) / 1000,
			rate(round->files, round->write_wall_ns));
	}
	fprintf(out, "files: %.2f us of CPU a file\n",
		files_us(&files->rounds[cheapest_files(files)]));
}

void floor_report_print(const struct floor_report *report, FILE *out)
{
	if (report->threads != NULL)
		print_rounds(report, out);
	if (report->files != NULL)
		print_files(report, out);
	fflush(out);
}

/* ---- for programs ---- */

static void set(json_t *object, const char *key, json_t *value)
{
	CHECK(json_object_set_new(object, key, value) == 0);
}

static json_t *round_json(const struct floor_round *round)
{
	json_t *object = json_object();
	set(object, "messages", json_integer((json_int_t)round->messages));
	set(object, "cpu_us", json_real(cpu_us(round)));
	set(object, "user_us", json_real(per(round->user_us, round->messages)));
	set(object, "system_us", json_real(per(round->system_us, round->messages)));
	set(object, "messages_per_s", json_real(rate(round->messages, round->wall_ns)));
	set(object, "enters", json_real(per(round->enters, round->messages)));
	set(object, "sends", json_real(per(round->sends, round->messages)));
	set(object, "receives", json_real(per(round->receives, round->messages)));
	return object;
}

static json_t *files_round_json(const struct floor_files_round *round)
{
	json_t *object = json_object();
	set(object, "files", json_integer((json_int_t)round->files));
	set(object, "cpu_us", json_real(files_us(round)));
	set(object, "read_us", json_real(per(round->read_cpu_ns, round->files) / 1000));
	set(object, "unlink_us", json_real(per(round->unlink_cpu_ns, round->files) / 1000));
	set(object, "written_per_s", json_real(rate(round->files, round->write_wall_ns)));
	return object;
}

static json_t *floor_json(const struct floor_report *report)
{
	json_t *object = json_object(), *rounds = json_array();
	struct floor_round best = sum_round(report, cheapest(report));
	for (uint32_t i = 0; i < report->threads[0].rounds_count; i++) {
		struct floor_round round = sum_round(report, i);
		CHECK(json_array_append_new(rounds, round_json(&round)) == 0);
	}
	set(object, "what", json_string(report->what));
	set(object, "sessions", json_integer((json_int_t)report->sessions));
	set(object, "workers", json_integer((json_int_t)report->workers));
	set(object, "size", json_integer((json_int_t)report->size));
	set(object, "refused", json_integer((json_int_t)report->sink_refused));
	set(object, "best", round_json(&best));
	set(object, "rounds", rounds);
	return object;
}

static json_t *files_json(const struct floor_report *report)
{
	json_t *object = json_object(), *rounds = json_array();
	const struct floor_files_result *files = report->files;
	for (uint32_t i = 0; i < files->rounds_count; i++)
		CHECK(json_array_append_new(rounds, files_round_json(&files->rounds[i])) == 0);
	set(object, "dir", json_string(report->dir));
	set(object, "size", json_integer((json_int_t)report->size));
	set(object, "best", files_round_json(&files->rounds[cheapest_files(files)]));
	set(object, "rounds", rounds);
	return object;
}

void floor_report_print_json(const struct floor_report *report, FILE *out)
{
	json_t *root = json_object();
	if (report->threads != NULL)
		set(root, "floor", floor_json(report));
	if (report->files != NULL)
		set(root, "files", files_json(report));
	char *text = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(6));
	json_decref(root);
	CHECK(text != NULL);
	fprintf(out, "%s\n", text);
	free(text);
	fflush(out);
}
