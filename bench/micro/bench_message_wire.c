/* What reading one message file costs the CPU of a worker, without the file system: from the octets in
 * memory to the envelope and the body, and of that the look at all octets alone.
 *
 *   bench_message_wire
 *
 * Files with LF are dearer, since each line is copied by itself. Numbers of other machines and of other
 * runs beside them mean little; the ratios do. */
#include <stdio.h>
#include <stdlib.h>
#include "engine/base/buf.h"
#include "engine/io/clock.h"
#include "engine/mail/octet_scan.h"
#include "engine/spool/message_file.h"

enum {
	ROUNDS = 50000,
	FILE_SIZE = 72 * 1024,
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

static void make_file(struct buf *file, size_t bytes, const char *line_end)
{
	buf_reset(file);
	for (size_t i = 0; i < COUNT_OF(header); i++) {
		buf_put_cstr(file, header[i]);
		buf_put_cstr(file, line_end);
	}
	while (file->len < bytes) {
		buf_put_cstr(file,
			"<p>a line of quoted-printable text, as long as its encoder makes them =");
		buf_put_cstr(file, line_end);
	}
	CHECK(!file->overflow);
}

static double scan_us(struct text file)
{
	size_t lf_count = 0;
	uint64_t from_ns = clock_thread_cpu_ns();
	for (int i = 0; i < ROUNDS; i++)
		lf_count += octet_scan(file).lf_count;
	uint64_t ns = clock_thread_cpu_ns() - from_ns;
	CHECK(lf_count % ROUNDS == 0 && lf_count > 0);
	return (double)ns / ROUNDS / 1000;
}

static double parse_us(struct text file)
{
	static struct body_budget budget;
	body_budget_init(&budget, FILE_SIZE * 2);
	struct body_room room = { .budget = &budget };
	struct message_file_context context = {
		.date = TEXT("Tue, 01 Sep 2026 12:34:56 +0000"),
		.host = TEXT("mx.news.example"),
		.room = &room,
	};
	struct arena scratch;
	arena_init(&scratch, 16 * 1024, MESSAGE_FILE_SCRATCH_BYTES_MAX);
	uint64_t from_ns = clock_thread_cpu_ns();
	for (int i = 0; i < ROUNDS; i++) {
		struct envelope *envelope;
		struct body *body;
		struct fail fail;
		if (message_file_parse(file, &context, &scratch, &envelope, &body, &fail) !=
			RESULT_OK) {
			fprintf(stderr, "bench_message_wire: %s\n", fail.text);
			exit(1);
		}
		CHECK(body != NULL);
		envelope_unref(envelope);
		body_unref(body);
		arena_reset(&scratch);
	}
	uint64_t ns = clock_thread_cpu_ns() - from_ns;
	arena_deinit(&scratch);
	return (double)ns / ROUNDS / 1000;
}

int main(void)
{
	static uint8_t memory[FILE_SIZE];
	struct buf file;
	buf_init(&file, memory, sizeof memory);
	static const size_t sizes[] = { 2 * 1024, 8 * 1024, 64 * 1024 };
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		for (int lf = 0; lf <= 1; lf++) {
			make_file(&file, sizes[i], lf ? "\n" : "\r\n");
			(void)parse_us(buf_text(&file)); /* warm */
			printf("file of %6zu bytes, %-4s: read %6.2f us, of that the scan %5.2f "
			       "us\n",
				file.len, lf ? "LF" : "CRLF", parse_us(buf_text(&file)),
				scan_us(buf_text(&file)));
		}
	}
	return 0;
}
