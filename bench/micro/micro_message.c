/* What reading one message file costs the CPU of a worker, without the file system: from the octets in
 * memory to the envelope and the body, and of that the look at all octets alone. Files with LF are dearer,
 * since each line is copied by itself. */
#include <stdlib.h>
#include "bench/micro/micro.h"
#include "engine/base/buf.h"
#include "engine/mail/octet_scan.h"
#include "engine/spool/message_file.h"

enum {
	FILE_BYTES = 8 * 1024,
	ROOM_BYTES = 16 * 1024,
};

/* The header of a newsletter as a platform writes it. */
static const char *const header[] = {
	"X-Sender: <bounce+12345@news.example>",
	"X-Receiver: <ann.bee@customer.example>",
	"X-Longship-Job: autumn",
	"From: News <news@news.example>",
	"To: Ann Bee <ann.bee@customer.example>",
	"Subject: autumn news are here",
	"Date: Tue, 01 Sep 2026 12:34:56 +0000",
	"Message-ID: <8d7f1c@news.example>",
	"MIME-Version: 1.0",
	"Content-Type: text/html; charset=utf-8",
	"Content-Transfer-Encoding: quoted-printable",
	"List-Unsubscribe: <https://news.example/u/123456789>",
	"List-Unsubscribe-Post: List-Unsubscribe=One-Click",
	"X-Mailer: platform 7",
	"Precedence: bulk",
	"",
};

static void make_file(struct buf *file, const char *line_end)
{
	for (size_t i = 0; i < COUNT_OF(header); i++) {
		buf_put_cstr(file, header[i]);
		buf_put_cstr(file, line_end);
	}
	while (file->len < FILE_BYTES) {
		buf_put_cstr(file,
			"<p>a line of quoted-printable text, as long as its encoder makes them =");
		buf_put_cstr(file, line_end);
	}
	CHECK(!file->overflow);
}

struct message_bench {
	struct buf file;
	struct body_budget budget;
	struct body_room room;
	struct arena scratch;
	uint8_t memory[ROOM_BYTES];
};

static struct message_bench *set_up(const char *line_end)
{
	struct message_bench *bench = calloc(1, sizeof *bench);
	CHECK(bench != NULL);
	buf_init(&bench->file, bench->memory, sizeof bench->memory);
	make_file(&bench->file, line_end);
	body_budget_init(&bench->budget, ROOM_BYTES * 2);
	bench->room = (struct body_room){ .budget = &bench->budget };
	arena_init(&bench->scratch, 16 * 1024, MESSAGE_FILE_SCRATCH_BYTES_MAX);
	return bench;
}

static void *set_up_crlf(void) { return set_up("\r\n"); }

static void *set_up_lf(void) { return set_up("\n"); }

static void tear_down(void *state)
{
	struct message_bench *bench = state;
	arena_deinit(&bench->scratch);
	free(bench);
}

static void run_scan(void *state, uint64_t times)
{
	struct message_bench *bench = state;
	for (uint64_t i = 0; i < times; i++) {
		struct octet_scan scan = octet_scan(buf_text(&bench->file));
		micro_use(&scan);
	}
}

static void run_parse(void *state, uint64_t times)
{
	struct message_bench *bench = state;
	const struct message_file_context context = {
		.date = TEXT("Tue, 01 Sep 2026 12:34:56 +0000"),
		.host = TEXT("mx.news.example"),
		.room = &bench->room,
	};
	for (uint64_t i = 0; i < times; i++) {
		struct envelope *envelope;
		struct body *body;
		struct fail fail;
		CHECK(message_file_parse(buf_text(&bench->file), &context, &bench->scratch, &envelope,
			      &body, &fail) == RESULT_OK);
		CHECK(body != NULL);
		envelope_unref(envelope);
		body_unref(body);
		arena_reset(&bench->scratch);
	}
}

static const struct micro_case cases[] = {
	{ .name = "message: look at all octets of 8 KB",
		.bound_ns = 3000,
		.setup = set_up_crlf,
		.run = run_scan,
		.teardown = tear_down },
	{ .name = "message: file of 8 KB with CRLF, to envelope and body",
		.bound_ns = 12000,
		.setup = set_up_crlf,
		.run = run_parse,
		.teardown = tear_down },
	{ .name = "message: the same with LF",
		.bound_ns = 20000,
		.setup = set_up_lf,
		.run = run_parse,
		.teardown = tear_down },
};

int main(int argc, char **argv) { return micro_main(cases, COUNT_OF(cases), argc, argv); }
