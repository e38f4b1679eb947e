#include <stdlib.h>
#include "engine/io/clock.h"
#include "engine/run/record_event.h"
#include "engine/run/recorder_state.h"

/* What belongs to no attempt: sessions, sites, policies, batch files. */

void record_session(struct recorder *r, struct session_report *report)
{
	if (recorder_make_room(r)) {
		size_t line_at = r->lines.len;
		record_event_session(report, journal_next_seq(r->journal), &r->lines);
		struct outcome_record record = { .type = JOURNAL_RECORD_EVENT, .kind = EVENT_SESSION };
		recorder_append(r, &record, line_at);
	}
	r->report_credits[report->worker]++;
	route_unref(report->route);
	free(report);
	recorder_commit_soon(r);
}

void record_site(struct recorder *r, struct site_report *report)
{
	if (recorder_make_room(r)) {
		size_t line_at = r->lines.len;
		record_event_site(report, journal_next_seq(r->journal), &r->lines);
		struct outcome_record record = { .type = JOURNAL_RECORD_EVENT, .kind = EVENT_SITE_CHANGED };
		recorder_append(r, &record, line_at);
	}
	r->site_credits++;
	free(report);
	recorder_commit_soon(r);
}

void record_policy(struct recorder *r, struct policy_report *report)
{
	if (recorder_make_room(r)) {
		size_t line_at = r->lines.len;
		record_event_policy(report, journal_next_seq(r->journal), &r->lines);
		struct outcome_record record = { .type = JOURNAL_RECORD_EVENT, .kind = EVENT_POLICY_CHANGED };
		recorder_append(r, &record, line_at);
	}
	r->policy_credits++;
	free(report);
	recorder_commit_soon(r);
}

/* ---- batch files ---- */

static void record_refused(struct recorder *r, const struct message *message,
	const struct split_refused *refused, int64_t wall_us)
{
	if (!recorder_make_room(r))
		return;
	size_t line_at = r->lines.len;
	record_event_refused(message, refused, journal_next_seq(r->journal), wall_us, &r->lines);
	struct outcome_record record = {
		.type = JOURNAL_RECORD_EVENT,
		.file = recorder_file_of(message),
		.kind = EVENT_REJECTED_INPUT,
	};
	recorder_append(r, &record, line_at);
}

/* The lines first: if a crash comes between them and the record that the file is split, which takes more
 * of them than a commit can hold, they are told again rather than not at all. */
void record_split(struct recorder *r, struct split_report *report)
{
	struct message *message = report->message;
	int64_t wall_us = clock_wall_us();
	for (const struct split_refused *refused = report->first; refused != NULL; refused = refused->next)
		record_refused(r, message, refused, wall_us);
	if (recorder_make_room(r)) {
		uint64_t seq = journal_next_seq(r->journal);
		const struct outcome_record record = {
			.type = JOURNAL_RECORD_SPLIT,
			.file = recorder_file_of(message),
		};
		recorder_note_live(r, message, seq);
		recorder_append_silent(r, &record);
	}
	r->uncommitted_split = message;
	arena_deinit(&report->arena);
	free(report);
	recorder_commit_soon(r);
}
