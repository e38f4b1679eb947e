#include "bench/sink_trace.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "engine/base/json_line.h"
#include "engine/io/clock.h"
#include "engine/io/file.h"
#include "engine/io/socket.h"
#include "tls/tls_conn.h"

enum {
	/* A thousand recipients with long addresses, escaped. */
	LINE_BYTES_MAX = 512 * 1024,
	NAME_MAX_HERE = 64,
};

struct sink_trace_files {
	int dialogue, mail_log, store; /* -1: not wanted */
};

struct sink_trace {
	struct sink_trace_files *files;
	uint64_t serial, messages;
	uint64_t oddities;             /* of the message, set of 1 << enum sink_oddity */
	uint64_t stored_bytes;
	int content;                   /* the file of the message that is coming in, -1: none */
	const char *protocol, *cipher; /* static texts, "" in cleartext */
	char peer[IP_ADDRESS_TEXT_SIZE], local[IP_ADDRESS_TEXT_SIZE];
	uint16_t local_port;
	char sni[256], end[32], why[240];
	char sender[1024];             /* JSON, with its parameters */
	struct buf rcpts;              /* JSON, comma separated */
};

static const char *const oddity_names[SINK_ODDITY_COUNT] = {
#define ODDITY(name, ids, text) [SINK_ODDITY_##name] = #name,
#include "bench/sink_oddities.def"
#undef ODDITY
};

/* ---- files ---- */

static enum result open_log(const char *path, int *out_fd, struct fail *fail)
{
	*out_fd = -1;
	return path != NULL ? file_open_append(AT_FDCWD, path, out_fd, fail) : RESULT_OK;
}

enum result sink_trace_files_open(const struct sink_trace_config *config,
	struct sink_trace_files **out_files, struct fail *fail)
{
	*out_files = NULL;
	if (config->dialogue == NULL && config->mail_log == NULL && config->store == NULL)
		return RESULT_OK;
	struct sink_trace_files *files = calloc(1, sizeof *files);
	if (files == NULL)
		return fail_set(fail, RESULT_MEMORY, "no memory for the logs");
	files->dialogue = files->mail_log = files->store = -1;
	enum result result = open_log(config->dialogue, &files->dialogue, fail);
	if (result == RESULT_OK)
		result = open_log(config->mail_log, &files->mail_log, fail);
	if (result == RESULT_OK && config->store != NULL)
		result = file_make_directories(config->store, 0755, fail);
	if (result == RESULT_OK && config->store != NULL)
		result = file_open_directory(AT_FDCWD, config->store, &files->store, fail);
	if (result != RESULT_OK) {
		sink_trace_files_close(files);
		return result;
	}
	*out_files = files;
	return RESULT_OK;
}

void sink_trace_files_close(struct sink_trace_files *files)
{
	if (files == NULL)
		return;
	if (files->dialogue >= 0)
		file_close(files->dialogue);
	if (files->mail_log >= 0)
		file_close(files->mail_log);
	if (files->store >= 0)
		file_close(files->store);
	free(files);
}

/* One write a line, so that lines of several workers do not mix. A log that cannot be written is said
 * on stderr; the run goes on, since its counters are whole. */
static void write_out(int fd, const struct buf *line)
{
	struct fail fail;
	if (file_write_all(fd, line->data, line->len, &fail) != RESULT_OK)
		fprintf(stderr, "longship-sink: %s\n", fail.text);
}

/* ---- the dialogue ---- */

static void put_visible(struct buf *out, struct text text)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t octet = (uint8_t)text.data[i];
		if (octet < ' ' || octet > '~' || octet == '\\')
			buf_printf(out, "\\x%02x", octet);
		else
			buf_put_u8(out, octet);
	}
}

static void put_dialogue(struct sink_trace *trace, char who, struct text text)
{
	char memory[4 * SMTP_COMMAND_BYTES_MAX + 64];
	struct buf out;
	if (trace->files->dialogue < 0)
		return;
	buf_init(&out, memory, sizeof memory);
	buf_printf(&out, "%llu %s %c: ", (unsigned long long)trace->serial,
		trace->protocol[0] != '\0' ? "tls" : "plain", who);
	put_visible(&out, text_cut(text, SMTP_COMMAND_BYTES_MAX));
	buf_put_u8(&out, '\n');
	write_out(trace->files->dialogue, &out);
}

static void on_line(void *context, bool by_client, struct text line)
{
	struct text rest = line, part;
	while (text_split(&rest, '\n', &part))
		put_dialogue(context, by_client ? 'C' : 'S', text_trim(part));
}

static void on_oddity(void *context, enum sink_oddity oddity)
{
	struct sink_trace *trace = context;
	trace->oddities |= UINT64_C(1) << oddity;
	put_dialogue(trace, '!', text_of(oddity_names[oddity]));
}

/* ---- messages ---- */

static void on_mail(void *context, struct text sender, struct text parameters)
{
	struct sink_trace *trace = context;
	struct buf out;
	buf_init(&out, trace->sender, sizeof trace->sender - 1);
	json_put_string(&out, text_cut_utf8(sender, 400));
	buf_put_text(&out, TEXT(",\"parameters\":"));
	json_put_string(&out, text_cut_utf8(parameters, 400));
	trace->sender[out.len] = '\0';
	if (trace->rcpts.data != NULL)
		buf_reset(&trace->rcpts);
}

static void on_rcpt(void *context, struct text rcpt, struct text parameters, unsigned code)
{
	struct sink_trace *trace = context;
	if (code / 100 != 2 || trace->files->mail_log < 0)
		return;
	if (trace->rcpts.data == NULL) {
		void *memory = malloc(LINE_BYTES_MAX / 2);
		if (memory == NULL)
			return;
		buf_init(&trace->rcpts, memory, LINE_BYTES_MAX / 2);
	}
	if (trace->rcpts.len > 0)
		buf_put_u8(&trace->rcpts, ',');
	buf_put_text(&trace->rcpts, TEXT("{\"address\":"));
	json_put_string(&trace->rcpts, rcpt);
	buf_put_text(&trace->rcpts, TEXT(",\"parameters\":"));
	json_put_string(&trace->rcpts, parameters);
	buf_put_u8(&trace->rcpts, '}');
}

static void content_name(const struct sink_trace *trace, const char *suffix, char out[NAME_MAX_HERE])
{
	snprintf(out, NAME_MAX_HERE, "%llu-%llu.%s", (unsigned long long)trace->serial,
		(unsigned long long)trace->messages + 1, suffix);
}

/* Under another name until it is whole. */
static void on_content(void *context, const char *data, size_t len)
{
	struct sink_trace *trace = context;
	char name[NAME_MAX_HERE];
	struct fail fail = { .result = RESULT_OK };
	if (trace->files->store < 0)
		return;
	content_name(trace, "part", name);
	if (trace->content < 0 &&
		file_create(trace->files->store, name, &trace->content, &fail) != RESULT_OK)
		trace->content = -1;
	if (trace->content < 0 || file_write_all(trace->content, data, len, &fail) != RESULT_OK)
		fprintf(stderr, "longship-sink: %s\n", fail.text);
}

static void finish_content(struct sink_trace *trace, bool accepted)
{
	char part[NAME_MAX_HERE], whole[NAME_MAX_HERE];
	struct fail fail;
	if (trace->content < 0)
		return;
	file_close(trace->content);
	trace->content = -1;
	content_name(trace, "part", part);
	content_name(trace, accepted ? "eml" : "refused", whole);
	if (file_rename_replacing(trace->files->store, part, trace->files->store, whole, &fail) !=
		RESULT_OK)
		fprintf(stderr, "longship-sink: %s\n", fail.text);
}

static void put_common(struct buf *out, const struct sink_trace *trace, const char *event)
{
	buf_printf(out, "{\"event\":\"%s\",\"session\":\"%llu\",\"time_us\":%lld", event,
		(unsigned long long)trace->serial, (long long)clock_wall_us());
	buf_printf(out, ",\"peer\":\"%s\",\"address\":\"%s\",\"port\":%u,\"tls\":\"%s\"", trace->peer,
		trace->local, trace->local_port, trace->protocol);
	buf_printf(out, ",\"cipher\":\"%s\",\"sni\":", trace->cipher);
	json_put_string(out, text_of(trace->sni));
}

static void put_oddities(struct buf *out, uint64_t oddities)
{
	bool first = true;
	buf_put_text(out, TEXT(",\"oddities\":["));
	for (uint64_t left = oddities; left != 0; left &= left - 1, first = false)
		buf_printf(out, "%s\"%s\"", first ? "" : ",", oddity_names[__builtin_ctzll(left)]);
	buf_put_u8(out, ']');
}

static void put_message(
	struct buf *out, const struct sink_trace *trace, const struct sink_session *s, unsigned code)
{
	const struct sink_body *body = &s->body;
	put_common(out, trace, "message");
	buf_printf(out, ",\"code\":%u,\"command\":\"%s\",\"octets\":%llu,\"body_octets\":%llu", code,
		s->mail.bdat ? "BDAT" : "DATA", (unsigned long long)body->octets,
		(unsigned long long)body->body_octets);
	if (body->token_found)
		buf_printf(out, ",\"id\":%llu,\"intact\":%s", (unsigned long long)body->token.id,
			sink_body_is_intact(body) ? "true" : "false");
	buf_printf(out, ",\"from\":%s,\"rcpts\":[", trace->sender[0] != '\0' ? trace->sender : "\"\"");
	buf_put(out, trace->rcpts.data, trace->rcpts.len);
	buf_put_u8(out, ']');
	put_oddities(out, trace->oddities);
	if (trace->files->store >= 0 && body->octets > 0)
		buf_printf(out, ",\"file\":\"%llu-%llu.%s\"", (unsigned long long)trace->serial,
			(unsigned long long)trace->messages + 1, code / 100 == 2 ? "eml" : "refused");
	buf_put_text(out, TEXT("}\n"));
}

static void on_message(void *context, const struct sink_session *session, unsigned code)
{
	struct sink_trace *trace = context;
	struct buf out;
	char line[96];
	int len = snprintf(line, sizeof line, "(%llu octets of content)",
		(unsigned long long)session->body.octets);
	put_dialogue(trace, 'C', text_of_bytes(line, (size_t)len));
	finish_content(trace, code / 100 == 2);
	if (trace->files->mail_log >= 0) {
		void *memory = malloc(LINE_BYTES_MAX);
		if (memory != NULL) {
			buf_init(&out, memory, LINE_BYTES_MAX);
			put_message(&out, trace, session, code);
			write_out(trace->files->mail_log, &out);
		}
		free(memory);
	}
	trace->messages++;
	trace->oddities = 0;
}

/* ---- the session ---- */

static const struct sink_tap tap = {
	.line = on_line,
	.mail = on_mail,
	.rcpt = on_rcpt,
	.content = on_content,
	.message = on_message,
	.oddity = on_oddity,
};

struct sink_trace *sink_trace_open(struct sink_trace_files *files, int fd, uint64_t serial,
	const struct sink_tap **out_tap)
{
	struct ip_address address;
	struct sink_trace *trace = calloc(1, sizeof *trace);
	if (trace == NULL)
		return NULL;
	trace->files = files;
	trace->serial = serial;
	trace->content = -1;
	trace->protocol = trace->cipher = "";
	if (socket_peer(fd, &address, NULL))
		ip_address_text(&address, trace->peer);
	if (socket_local(fd, &address, &trace->local_port))
		ip_address_text(&address, trace->local);
	*out_tap = &tap;
	return trace;
}

void sink_trace_tls(struct sink_trace *trace, const struct tls_info *info, const char *sni)
{
	trace->protocol = info->protocol;
	trace->cipher = info->cipher;
	snprintf(trace->sni, sizeof trace->sni, "%s", sni);
}

void sink_trace_end(struct sink_trace *trace, const char *end, const char *why)
{
	snprintf(trace->end, sizeof trace->end, "%s", end);
	snprintf(trace->why, sizeof trace->why, "%s", why);
}

void sink_trace_close(struct sink_trace *trace)
{
	char memory[4096];
	struct buf out;
	if (trace == NULL)
		return;
	finish_content(trace, false);
	if (trace->files->mail_log >= 0) {
		buf_init(&out, memory, sizeof memory);
		put_common(&out, trace, "session");
		buf_printf(&out, ",\"messages\":%llu,\"end\":\"%s\",\"why\":",
			(unsigned long long)trace->messages,
			trace->end[0] != '\0' ? trace->end : "sink");
		json_put_string(&out, text_of(trace->why));
		put_oddities(&out, trace->oddities);
		buf_put_text(&out, TEXT("}\n"));
		write_out(trace->files->mail_log, &out);
	}
	free(trace->rcpts.data);
	free(trace);
}
