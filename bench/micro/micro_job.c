/* What a recipient of a job costs before he is sent to: his line read, his message merged, and all of it
 * made into an envelope and a body (DESIGN 6: the whole of a message from a job directory at most 1.7 times
 * the floor, which is 12 to 16 us). A text and an HTML part, 8 KB together. */
#include <stdlib.h>
#include "bench/micro/micro.h"
#include "engine/mail/merge.h"
#include "engine/spool/job_message.h"

enum {
	PARAGRAPHS = 60, /* 8 KB in both parts */
	BUF_BYTES = 65536,
};

static const char line[] =
	"{\"to\":\"ann.example@receiver.example\",\"vars\":{\"name\":\"Ann "
	"Example\",\"premium\":true,"
	"\"code\":\"A4711-0815\",\"city\":\"Springfield\"},\"id\":\"4711-0815\"}";

struct job_bench {
	struct arena arena, scratch_arena;
	struct job_manifest manifest;
	struct job job;
	struct job_recipient recipient; /* of the first case; its texts are in `arena` */
	struct body_budget budget;
	struct body_room room;
	struct job_scratch scratch;
	char part[BUF_BYTES], message[BUF_BYTES], file[BUF_BYTES];
};

static void put_template(struct buf *out)
{
	buf_put_cstr(out, "From: News <news@list.example>\nTo: {{name}} <{{to}}>\nSubject: News "
			  "for {{name}}\n"
			  "List-Unsubscribe: <https://list.example/u/{{id}}>\nMIME-Version: 1.0\n"
			  "Content-Type: multipart/alternative; boundary=b\n\n"
			  "--b\nContent-Type: text/plain; charset=utf-8\n\nDear {{name}} of "
			  "{{city|your city}},\n");
	for (int i = 0; i < PARAGRAPHS / 2; i++)
		buf_put_cstr(out, "this is a line of a newsletter, about as long as lines in mail "
				  "are, and plain.\n");
	buf_put_cstr(out, "{{#premium}}\nYour code: {{code}}\n{{/premium}}\n--b\n"
			  "Content-Type: text/html; charset=utf-8\n\n<p>Dear {{name}},</p>\n");
	for (int i = 0; i < PARAGRAPHS; i++)
		buf_put_cstr(out,
			"<p style=\"margin:0\">this is a paragraph of a newsletter, with a "
			"<a href=\"https://x.example/\">link</a></p>\n");
	buf_put_cstr(out, "<p>{{code}}</p>\n--b--\n");
	CHECK(!out->overflow);
}

static void *set_up(void)
{
	struct job_bench *bench = calloc(1, sizeof *bench);
	struct buf file;
	CHECK(bench != NULL);
	arena_init(&bench->arena, BUF_BYTES, 1 << 24);
	arena_init(&bench->scratch_arena, BUF_BYTES, 1 << 24);
	body_budget_init(&bench->budget, 1 << 24);
	bench->room = (struct body_room){ .budget = &bench->budget };
	bench->scratch.arena = &bench->scratch_arena;
	buf_init(&bench->scratch.part, bench->part, BUF_BYTES);
	buf_init(&bench->scratch.message, bench->message, BUF_BYTES);
	buf_init(&file, bench->file, BUF_BYTES);
	put_template(&file);
	CHECK(job_manifest_parse(
		      TEXT("{\"version\":1,\"id\":\"may\",\"recipients\":1,"
			   "\"sender\":\"news@list.example\",\"verp\":\"b-{{id}}@list.example\"}"),
		      &bench->arena, &bench->manifest, NULL) == RESULT_OK);
	CHECK(job_prepare(&bench->job, &bench->manifest, buf_text(&file), &bench->arena, NULL) ==
		RESULT_OK);
	CHECK(job_recipient_parse(text_of(line), &bench->arena, &bench->recipient, NULL) == RESULT_OK);
	return bench;
}

static void tear_down(void *state)
{
	struct job_bench *bench = state;
	arena_deinit(&bench->scratch_arena);
	arena_deinit(&bench->arena);
	free(bench);
}

static void run_parse(void *state, uint64_t times)
{
	struct job_bench *bench = state;
	for (uint64_t i = 0; i < times; i++) {
		struct job_recipient recipient;
		arena_reset(&bench->scratch_arena);
		CHECK(job_recipient_parse(text_of(line), &bench->scratch_arena, &recipient, NULL) ==
			RESULT_OK);
		micro_use(&recipient);
	}
}

static void run_make(void *state, uint64_t times)
{
	struct job_bench *bench = state;
	const struct message_file_context context = {
		.date = TEXT("Tue, 01 Sep 2026 12:34:56 +0000"),
		.host = TEXT("mail.list.example"),
		.room = &bench->room,
	};
	for (uint64_t i = 0; i < times; i++) {
		struct envelope *envelope;
		struct body *body;
		struct fail fail;
		arena_reset(&bench->scratch_arena);
		CHECK(job_message_make(&bench->job, &bench->recipient, &context, &bench->scratch,
			      &envelope, &body, &fail) == RESULT_OK);
		CHECK(body != NULL && body->data_bytes > 8000);
		envelope_unref(envelope);
		body_unref(body);
	}
}

static const struct micro_case cases[] = {
	{ .name = "job: read the line of a recipient",
		.bound_ns = 8000,
		.setup = set_up,
		.run = run_parse,
		.teardown = tear_down },
	{ .name = "job: make his message of 8 KB, envelope and body",
		.bound_ns = 20000,
		.setup = set_up,
		.run = run_make,
		.teardown = tear_down },
};

int main(int argc, char **argv) { return micro_main(cases, COUNT_OF(cases), argc, argv); }
