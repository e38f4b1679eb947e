#include "engine/run/queue_print.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "engine/base/check.h"
#include "engine/io/random.h"

struct row {
	struct hash_node node;
	uint64_t rcpts, files;
	char next[32]; /* the earliest; "": nobody knows */
	char *words;   /* what is waited for, of the first one */
	size_t name_len;
	char name[];
};

static const char *const states[QUEUE_PRINT_STATES] = { "waiting", "held", "queued", "routing",
	"sending", "recording", "new", "unmade", "damaged" };

static struct text name_of(const struct hash_node *node)
{
	const struct row *row = CONTAINER_OF(node, struct row, node);
	return text_of_bytes(row->name, row->name_len);
}

enum result queue_print_init(struct queue_print *print, const struct control_request *request,
	bool json, enum queue_by by, struct fail *fail)
{
	struct siphash_key key = random_siphash_key();
	*print = (struct queue_print){ .request = request, .json = json, .by = by };
	if (hash_map_init(&print->rows, 64, &key, name_of) != RESULT_OK)
		return fail_set(fail, RESULT_MEMORY, "out of memory");
	if (queue_print_jobs_init(&print->jobs, json, fail) != RESULT_OK)
		return RESULT_MEMORY;
	print->lines = open_memstream(&print->lines_text, &print->lines_len);
	return print->lines != NULL ? RESULT_OK : fail_set(fail, RESULT_MEMORY, "out of memory");
}

static void end_row(struct hash_node *node, void *context)
{
	struct queue_print *print = context;
	struct row *row = CONTAINER_OF(node, struct row, node);
	hash_map_remove(&print->rows, node);
	free(row->words);
	free(row);
}

void queue_print_deinit(struct queue_print *print)
{
	if (print->rows.table.buckets != NULL) {
		hash_map_for_each(&print->rows, end_row, print);
		hash_map_deinit(&print->rows);
	}
	queue_print_jobs_deinit(&print->jobs);
	if (print->lines != NULL)
		(void)fclose(print->lines);
	free(print->lines_text);
}

/* ---- one entry ---- */

static const char *get(const json_t *entry, const char *key)
{
	const char *value = json_string_value(json_object_get(entry, key));
	return value != NULL ? value : "";
}

static uint64_t number(const json_t *entry, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(entry, key));
}

/* C0, DEL and C1 (U+0080 to U+009F). */
void queue_print_text(FILE *out, const char *text)
{
	for (const uint8_t *at = (const uint8_t *)text; *at != 0; at++) {
		bool is_c1 = at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0;
		fputc(*at < 0x20 || *at == 0x7f || is_c1 ? '?' : *at, out);
		at += is_c1;
	}
}

/* What it waits for, and what was heard last. */
static void put_words(FILE *out, const json_t *entry)
{
	const char *last = get(entry, "last");
	queue_print_text(out, get(entry, "why"));
	if (*last == '\0')
		return;
	fputs("; last: ", out);
	queue_print_text(out, last);
}

static struct row *row_of(struct queue_print *print, const char *name)
{
	struct hash_node *node = hash_map_find(&print->rows, text_of(name));
	if (node != NULL)
		return CONTAINER_OF(node, struct row, node);
	size_t len = strlen(name);
	struct row *row = calloc(1, sizeof *row + len + 1);
	if (row == NULL) {
		print->is_broken = true;
		return NULL;
	}
	row->name_len = len;
	memcpy(row->name, name, len);
	hash_map_insert(&print->rows, &row->node);
	return row;
}

static void set_words(struct row *row, const json_t *entry)
{
	size_t len;
	FILE *out = open_memstream(&row->words, &len);
	if (out == NULL)
		return;
	put_words(out, entry);
	(void)fclose(out);
}

static void add_up(struct queue_print *print, const json_t *entry)
{
	static const char *const keys[] = {
		[QUEUE_BY_DOMAIN] = "domain",
		[QUEUE_BY_JOB] = "job",
		[QUEUE_BY_FILE] = "file",
	};
	const char *next = get(entry, "next");
	struct row *row = row_of(print, get(entry, keys[print->by]));
	if (row == NULL)
		return;
	row->rcpts += number(entry, "recipients");
	row->files++;
	bool is_first = row->next[0] == '\0' || (*next != '\0' && strcmp(next, row->next) < 0);
	if (*next != '\0' && is_first && strlen(next) < sizeof row->next)
		memcpy(row->next, next, strlen(next) + 1);
	if (row->words == NULL)
		set_words(row, entry);
}

static void put_time(FILE *out, const char *key, const json_t *entry)
{
	const char *time = get(entry, key);
	if (*time == '\0')
		return;
	fprintf(out, ", %s ", key);
	queue_print_text(out, time);
}

static void put_attempt(FILE *out, const json_t *entry)
{
	uint64_t rcpts = number(entry, "recipients");
	if (rcpts == 0) { /* nobody has read it */
		fputs("  ", out);
		put_words(out, entry);
		fputc('\n', out);
		return;
	}
	fputs("  ", out);
	queue_print_text(out, get(entry, "domain"));
	fprintf(out, ": %" PRIu64 " recipient%s %s, attempt %" PRIu64, rcpts, rcpts == 1 ? "" : "s",
		get(entry, "state"), number(entry, "attempt"));
	put_time(out, "next", entry);
	put_time(out, "expires", entry);
	fputs("\n    ", out);
	put_words(out, entry);
	fputc('\n', out);
}

static void put_title(FILE *out, const json_t *entry)
{
	static const char *const keys[] = { "class", "job", "id", "from" };
	queue_print_text(out, get(entry, "file"));
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		const char *value = get(entry, keys[i]);
		if (*value == '\0')
			continue;
		fprintf(out, ", %s ", keys[i]);
		queue_print_text(out, value);
	}
	fputc('\n', out);
}

static void show(struct queue_print *print, const json_t *entry)
{
	size_t index;
	const json_t *rcpt;
	FILE *out = print->lines;
	if (!print->has_title)
		put_title(out, entry);
	print->has_title = true;
	put_attempt(out, entry);
	json_array_foreach(json_object_get(entry, "rcpts"), index, rcpt)
	{
		fputs("    ", out);
		queue_print_text(out, json_string_value(rcpt));
		fputc('\n', out);
	}
}

static void list_one(struct queue_print *print, const json_t *entry)
{
	put_title(print->lines, entry);
	put_attempt(print->lines, entry);
}

static void take_entry(struct queue_print *print, const json_t *entry)
{
	for (size_t i = 0; i < COUNT_OF(states); i++)
		if (strcmp(states[i], get(entry, "state")) == 0)
			print->by_state[i] += number(entry, "recipients");
	if (print->request->act == CONTROL_SHOW)
		show(print, entry);
	else if (print->by == QUEUE_BY_FILE)
		list_one(print, entry);
	else
		add_up(print, entry);
}

static void take_end(struct queue_print *print, const json_t *end)
{
	struct queue_answer *answer = &print->answer;
	*answer = (struct queue_answer){
		.is_whole = true,
		.status = (int)number(end, "status"),
		.attempts = number(end, "attempts"),
		.rcpts = number(end, "recipients"),
		.busy = number(end, "busy"),
		.has_rule = json_is_true(json_object_get(end, "rule")),
	};
	(void)snprintf(answer->error, sizeof answer->error, "%s", get(end, "error"));
}

static void put_hold(const json_t *entry)
{
	fputs("held: ", stdout);
	queue_print_text(stdout, get(entry, "hold"));
	putchar('\n');
}

static bool is_of_jobs(const struct queue_print *print)
{
	return print->request->act == CONTROL_JOB_LIST || print->request->act == CONTROL_JOB_SHOW;
}

void queue_print_line(struct text line, void *context)
{
	struct queue_print *print = context;
	json_error_t error;
	json_t *entry = json_loadb(line.data != NULL ? line.data : "", line.len, 0, &error);
	if (!json_is_object(entry))
		print->is_broken = true;
	else if (json_object_get(entry, "end") != NULL)
		take_end(print, entry);
	else if (is_of_jobs(print))
		queue_print_jobs_line(&print->jobs, entry);
	else if (print->json)
		(void)printf("%.*s\n", TEXT_ARG(line));
	else if (json_object_get(entry, "hold") != NULL)
		put_hold(entry);
	else
		take_entry(print, entry);
	json_decref(entry);
}

/* ---- the whole ---- */

struct rows {
	struct row **rows;
	size_t count;
};

static void collect(struct hash_node *node, void *context)
{
	struct rows *rows = context;
	rows->rows[rows->count++] = CONTAINER_OF(node, struct row, node);
}

static int most_first(const void *a, const void *b)
{
	const struct row *row_a = *(struct row *const *)a, *row_b = *(struct row *const *)b;
	if (row_a->rcpts != row_b->rcpts)
		return row_a->rcpts > row_b->rcpts ? -1 : 1;
	return strcmp(row_a->name, row_b->name);
}

static void print_rows(struct queue_print *print)
{
	struct rows rows = { calloc(hash_map_count(&print->rows) + 1, sizeof *rows.rows), 0 };
	if (rows.rows == NULL) {
		print->is_broken = true;
		return;
	}
	hash_map_for_each(&print->rows, collect, &rows);
	qsort(rows.rows, rows.count, sizeof *rows.rows, most_first);
	for (size_t i = 0; i < rows.count; i++) {
		const struct row *row = rows.rows[i];
		printf("%10" PRIu64 "  ", row->rcpts);
		queue_print_text(stdout, row->name_len > 0 ? row->name : "-");
		fputs("\n            ", stdout);
		if (row->next[0] != '\0')
			printf("next %s: ", row->next);
		printf("%s\n", row->words != NULL ? row->words : "");
	}
	free(rows.rows);
}

static void print_sums(const struct queue_print *print)
{
	const char *comma = ": ";
	printf("%" PRIu64 " recipient%s", print->answer.rcpts, print->answer.rcpts == 1 ? "" : "s");
	for (size_t i = 0; i < COUNT_OF(states); i++) {
		if (print->by_state[i] == 0)
			continue;
		printf("%s%" PRIu64 " %s", comma, print->by_state[i], states[i]);
		comma = ", ";
	}
	putchar('\n');
}

static void print_change(const struct queue_print *print)
{
	static const char *const words[CONTROL_ACTS] = {
		[CONTROL_RETRY] = "due now",
		[CONTROL_DROP] = "dropped",
		[CONTROL_HOLD] = "held",
		[CONTROL_RELEASE] = "released",
	};
	const struct queue_answer *answer = &print->answer;
	const char *word = words[print->request->act];
	if (print->json) {
		printf("{\"%s\":%" PRIu64 ",\"busy\":%" PRIu64 "}\n",
			control_act_name(print->request->act), answer->rcpts, answer->busy);
		return;
	}
	printf("%" PRIu64 " recipient%s %s\n", answer->rcpts, answer->rcpts == 1 ? "" : "s", word);
	if (answer->busy > 0)
		printf("%" PRIu64 " more %s being sent just now\n", answer->busy,
			answer->busy == 1 ? "is" : "are");
}

void queue_print_end(struct queue_print *print)
{
	enum control_act act = print->request->act;
	if (is_of_jobs(print)) {
		queue_print_jobs_end(&print->jobs);
		print->is_broken |= print->jobs.is_broken;
		return;
	}
	if (!control_act_tells(act)) {
		print_change(print);
		return;
	}
	if (print->json)
		return;
	if (act == CONTROL_LIST)
		print_sums(print);
	print_rows(print);
	if (fflush(print->lines) == 0)
		(void)fwrite(print->lines_text, 1, print->lines_len, stdout);
}
