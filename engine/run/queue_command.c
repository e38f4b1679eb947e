#include "engine/run/queue_command.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "engine/run/control.h"
#include "engine/run/control_task.h"
#include "engine/run/queue_local.h"
#include "engine/run/queue_options.h"
#include "engine/run/queue_print.h"
#include "engine/run/run.h"

struct queue_command {
	struct arena arena;
	struct queue_options options;
	struct option_list words; /* the act, of one word or two, then names of files or jobs */
	size_t names_at;
	struct control_request request;
	struct fail fail;
};

/* ---- arguments ---- */

/* "job list" are two. */
static enum result parse_act(struct queue_command *c)
{
	char word[32];
	int i = 0;
	const char *const *words = (const char *const *)c->words.items;
	bool is_pair = c->words.count > 1 && strcmp(words[0], "job") == 0;
	(void)snprintf(word, sizeof word, "%s%s%s", c->words.count > 0 ? words[0] : "",
		is_pair ? " " : "", is_pair ? words[1] : "");
	while (i < CONTROL_ACTS && strcmp(word, control_act_name((enum control_act)i)) != 0)
		i++;
	if (i == CONTROL_ACTS)
		return fail_set(&c->fail, RESULT_INVALID,
			"list, show FILE, retry, drop, hold, release, job list or job show NAME "
			"must "
			"stand behind the name");
	c->request.act = (enum control_act)i;
	c->names_at = is_pair ? 2 : 1;
	return RESULT_OK;
}

static enum result set_name(struct queue_command *c, size_t i)
{
	struct text name = text_of(c->words.items[i]);
	if (c->request.act == CONTROL_JOB_SHOW || c->request.act == CONTROL_JOB_LIST)
		return control_request_set_job(&c->request, name, &c->fail);
	return control_request_set_file(&c->request, name, &c->fail);
}

static enum result parse_filter(struct queue_command *c)
{
	const struct queue_options *o = &c->options;
	bool has_files = c->words.count > c->names_at,
	     has_filter = *o->domain != '\0' || *o->job != '\0';
	enum control_act act = c->request.act;
	enum result r = RESULT_OK;
	if (*o->domain != '\0')
		r = control_request_set_domain(&c->request, text_of(o->domain), &c->fail);
	if (r == RESULT_OK && *o->job != '\0')
		r = control_request_set_job(&c->request, text_of(o->job), &c->fail);
	for (size_t i = c->names_at; i < c->words.count && r == RESULT_OK; i++)
		r = set_name(c, i);
	if (r != RESULT_OK)
		return r;
	if (c->names_at == 2 && has_filter)
		return fail_set(
			&c->fail, RESULT_INVALID, "job list and job show take no flags of mail");
	if (o->all && (has_files || has_filter || (act != CONTROL_RETRY && act != CONTROL_DROP)))
		return fail_set(&c->fail, RESULT_INVALID,
			"--all is for retry and drop, without FILE, --domain and --job");
	if ((act == CONTROL_RETRY || act == CONTROL_DROP) && !o->all && !has_files && !has_filter)
		return fail_set(&c->fail, RESULT_INVALID, "%s needs FILE, --domain, --job or --all",
			control_act_name(act));
	return control_request_check(&c->request, &c->fail);
}

static enum result parse(struct queue_command *c, int argc, char *const *argv)
{
	enum result r = options_parse(
		&queue_option_table, &c->options, argc, argv, &c->arena, &c->words, &c->fail);
	if (r != RESULT_OK || c->options.help)
		return r;
	r = parse_act(c);
	if (r == RESULT_OK)
		r = parse_filter(c);
	const char *said = secure_getenv("LONGSHIP_SPOOL");
	if (*c->options.spool == '\0' && said != NULL)
		c->options.spool = said;
	if (r == RESULT_OK && *c->options.spool == '\0')
		return fail_set(&c->fail, RESULT_INVALID,
			"--spool DIR is needed, or LONGSHIP_SPOOL in the environment");
	return r;
}

/* ---- a sender that runs ---- */

static bool write_all(int fd, const struct buf *buf)
{
	for (size_t at = 0; at < buf->len;) {
		ssize_t wrote = write(fd, buf->data + at, buf->len - at);
		if (wrote <= 0)
			return false;
		at += (size_t)wrote;
	}
	return true;
}

/* The last line says that the answer is whole. RESULT_NOT_FOUND: nobody answers, not a word. The socket of a
 * process that was killed takes connections a moment longer than it lives: the kernel takes its time to end
 * a ring that accepts on it. */
static enum result ask(struct queue_command *c, int fd, struct queue_print *print)
{
	char memory[CONTROL_LINE_MAX];
	struct buf buf;
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	buf_init(&buf, memory, sizeof memory);
	control_request_put(&buf, &c->request);
	CHECK(!buf.overflow);
	FILE *in = write_all(fd, &buf) ? fdopen(fd, "r") : NULL;
	if (in == NULL) {
		(void)close(fd);
		return fail_set(&c->fail, RESULT_NOT_FOUND,
			"the sender does not take the request: %d tools at once are enough",
			CONTROL_CLIENTS_MAX);
	}
	bool answers = false;
	while (!print->answer.is_whole && (len = getline(&line, &size, in)) > 0) {
		queue_print_line(text_of_bytes(line, (size_t)len - (line[len - 1] == '\n')), print);
		answers = true;
	}
	free(line);
	(void)fclose(in);
	if (!print->answer.is_whole)
		return fail_set(&c->fail, answers ? RESULT_AGAIN : RESULT_NOT_FOUND,
			"the sender has ended in the middle of its answer, or has too many tools "
			"to answer");
	return RESULT_OK;
}

/* ---- none ---- */

static enum result do_it_here(struct queue_command *c, struct queue_print *print)
{
	struct control_task *task = control_task_create(&c->request);
	if (task == NULL)
		return fail_set(&c->fail, RESULT_MEMORY, "out of memory");
	enum result r = queue_local(c->options.spool, task, queue_print_line, print);
	c->fail = task->fail;
	print->answer = (struct queue_answer){
		.is_whole = true,
		.attempts = task->attempts,
		.rcpts = task->rcpts,
		.busy = task->busy,
		.has_rule = task->has_rule,
	};
	control_task_destroy(task);
	if (r == RESULT_OK && c->request.act == CONTROL_DROP && print->answer.busy > 0)
		fprintf(stderr, "longship queue: files that have other recipients as well are "
				"still there: start the "
				"sender, and drop once more\n");
	return r;
}

/* Nobody answered: where the spool has an owner all the same, what he did counts. */
static enum result do_it_unanswered(struct queue_command *c, struct queue_print *print)
{
	struct fail unanswered = c->fail;
	enum result r = do_it_here(c, print);
	if (r != RESULT_BUSY)
		return r;
	c->fail = unanswered;
	c->fail.result = RESULT_AGAIN;
	return RESULT_AGAIN;
}

/* ---- the command ---- */

static int status_of(const struct queue_command *c, enum result r)
{
	if (r == RESULT_INVALID)
		return RUN_EXIT_ARGUMENTS;
	if (r == RESULT_BUSY)
		return RUN_EXIT_BUSY;
	if (r == RESULT_AGAIN)
		return RUN_EXIT_MAIL_WAITS;
	(void)c;
	return RUN_EXIT_NOT_WRITABLE;
}

static int status_of_answer(
	const struct queue_command *c, const struct queue_answer *answer, bool was_asked)
{
	enum control_act act = c->request.act;
	bool has_filter = c->request.domain[0] != '\0' || c->request.job[0] != '\0' ||
			  c->request.file[0] != '\0';
	if (!was_asked && act == CONTROL_DROP && answer->busy > 0)
		return RUN_EXIT_MAIL_WAITS;
	if (answer->rcpts > 0 || answer->has_rule || answer->busy > 0 || act == CONTROL_JOB_LIST ||
		(act == CONTROL_LIST && !has_filter) ||
		(control_act_tells(act) && answer->attempts > 0))
		return RUN_EXIT_DONE;
	if (act == CONTROL_JOB_SHOW)
		fprintf(stderr, "longship queue: there is no job %s\n", c->request.job);
	else
		fprintf(stderr, "longship queue: nothing that waits is meant\n");
	return RUN_EXIT_NO;
}

/* One request. */
static int request(struct queue_command *c)
{
	struct queue_print print;
	const struct control_request *r = &c->request;
	bool lists_files = r->domain[0] != '\0' || r->job[0] != '\0' || r->file[0] != '\0';
	enum queue_by by = lists_files ? QUEUE_BY_FILE : (enum queue_by)c->options.by;
	int fd, status;
	enum result result = queue_print_init(&print, r, c->options.json, by, &c->fail);
	if (result == RESULT_OK)
		result = control_connect(c->options.spool, &fd, &c->fail);
	bool is_asked = result == RESULT_OK;
	if (is_asked && (result = ask(c, fd, &print)) == RESULT_NOT_FOUND) {
		is_asked = false;
		result = do_it_unanswered(c, &print);
	} else if (result == RESULT_NOT_FOUND) {
		result = do_it_here(c, &print);
	}
	if (result != RESULT_OK) {
		fprintf(stderr, "longship queue: %s\n", c->fail.text);
		status = status_of(c, result);
	} else if (print.answer.status != 0) {
		fprintf(stderr, "longship queue: %s\n", print.answer.error);
		status = print.answer.status;
	} else if (print.is_broken) {
		fprintf(stderr, "longship queue: the answer cannot be read, or there is no memory "
				"for it\n");
		status = RUN_EXIT_NOT_WRITABLE;
	} else {
		queue_print_end(&print);
		status = status_of_answer(c, &print.answer, is_asked);
	}
	queue_print_deinit(&print);
	return status;
}

/* Each name is a request of its own; the worst status counts. */
static int run(struct queue_command *c)
{
	int worst = RUN_EXIT_DONE;
	size_t i = c->names_at;
	do {
		c->fail = (struct fail){ 0 };
		if (i < c->words.count && set_name(c, i) != RESULT_OK)
			return RUN_EXIT_ARGUMENTS;
		int status = request(c);
		worst = status > worst ? status : worst;
	} while (++i < c->words.count);
	return worst;
}

int run_queue(int argc, char *const *argv)
{
	struct queue_command c = { .request = { .act = CONTROL_LIST } };
	arena_init(&c.arena, 16384, OPTIONS_ARENA_BYTES_MAX);
	int status = RUN_EXIT_ARGUMENTS;
	enum result r = parse(&c, argc, argv);
	if (r != RESULT_OK) {
		fprintf(stderr, "longship queue: %s\n", c.fail.text);
	} else if (c.options.help) {
		options_print_help(&queue_option_table, stdout);
		status = RUN_EXIT_DONE;
	} else {
		status = run(&c);
	}
	if (fflush(stdout) != 0 && status == RUN_EXIT_DONE) {
		fprintf(stderr, "longship queue: cannot write to standard output\n");
		status = RUN_EXIT_NOT_WRITABLE;
	}
	arena_deinit(&c.arena);
	return status;
}
