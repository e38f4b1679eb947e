/* What longship-sink writes down while it runs, where it is asked to: the raw dialogue, a line of JSON
 * for each message and session, the octets of each message. For tests; the files are written by
 * calls that block, so a benchmark leaves it off. */
#ifndef BENCH_SINK_TRACE_H
#define BENCH_SINK_TRACE_H

#include <stdint.h>
#include "bench/sink_session.h"
#include "engine/base/result.h"

struct sink_trace;
struct sink_trace_files;
struct tls_info;

struct sink_trace_config {
	const char *dialogue;  /* NULL: not wanted; a file, lines are appended */
	const char *mail_log;  /* the same, JSON lines */
	const char *store;     /* a directory; NULL: not wanted */
};

/* RESULT_OK with *out_files NULL when nothing is wanted. */
MUST_USE enum result sink_trace_files_open(const struct sink_trace_config *config,
	struct sink_trace_files **out_files, struct fail *fail);
void sink_trace_files_close(struct sink_trace_files *files);

/* For one session; *out_tap is what the session is to be given. NULL: no memory, nothing is traced. */
struct sink_trace *sink_trace_open(struct sink_trace_files *files, int fd, uint64_t serial,
	const struct sink_tap **out_tap);
void sink_trace_tls(struct sink_trace *trace, const struct tls_info *info, const char *sni);
/* How the connection ended, for the session's line. */
void sink_trace_end(struct sink_trace *trace, const char *end, const char *why);
/* Writes the session's line; NULL is allowed. */
void sink_trace_close(struct sink_trace *trace);

#endif
