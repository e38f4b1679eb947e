#include "engine/run/control_job.h"
#include "engine/base/json_line.h"
#include "engine/base/json_object.h"
#include "engine/base/time_text.h"
#include "engine/run/job_progress.h"

/* Keys, numbers, times and punctuation. */
enum { FIXED_BYTES = 1024, DOMAIN_FIXED_BYTES = 192 };

void control_job_take_progress(struct control_job *job, const struct job_progress *progress)
{
	job->rcpts_count = progress->rcpts_count;
	job->pending = progress->rcpts_count - progress->done_count;
	for (int i = 0; i < CONTROL_JOB_KINDS; i++)
		if (event_kind_is_final((enum event_kind)i))
			job->by_kind[i] = job_progress_count(progress, (enum event_kind)i);
}

size_t control_job_bytes(const struct control_job *job)
{
	size_t texts = job->directory.len + job->job.len + job->hold.len;
	size_t bytes = FIXED_BYTES;
	for (size_t i = 0; i < job->domains_len; i++) {
		texts += job->domains[i].name.len + job->domains[i].hold.len;
		bytes += DOMAIN_FIXED_BYTES;
	}
	return bytes + JSON_ESCAPE_MAX * texts;
}

static void put_time(struct buf *buf, const char *key, int64_t unix_us)
{
	char memory[TIME_TEXT_RFC3339_LEN + 1];
	struct buf time;
	buf_init(&time, memory, sizeof memory);
	if (unix_us != 0)
		time_text_put_rfc3339(&time, unix_us);
	json_object_put_text(buf, key, buf_text(&time));
}

static void put_kinds(struct buf *buf, const uint64_t by_kind[static CONTROL_JOB_KINDS])
{
	static const char *const keys[CONTROL_JOB_KINDS] = {
		[EVENT_DELIVERED] = "delivered",
		[EVENT_BOUNCED] = "bounced",
		[EVENT_EXPIRED] = "expired",
		[EVENT_WITHDRAWN] = "withdrawn",
		[EVENT_SUPPRESSED] = "suppressed",
		[EVENT_REJECTED_INPUT] = "rejected",
	};
	for (size_t i = 0; i < CONTROL_JOB_KINDS; i++)
		if (keys[i] != NULL)
			json_object_put_number(buf, keys[i], by_kind[i]);
}

static void put_domain(struct buf *buf, const struct control_job_domain *domain)
{
	json_object_open(buf, NULL);
	json_object_put_text(buf, "domain", domain->name);
	json_object_put_number(buf, "recipients", domain->rcpts_count);
	json_object_put_number(buf, "delivered", domain->delivered);
	json_object_put_number(buf, "failed", domain->failed);
	json_object_put_number(buf, "pending", domain->pending);
	json_object_put_text(buf, "held", domain->hold);
	json_object_close(buf);
}

/* A value of its own, not one more of what stands before it. */
static void begin(struct buf *object, const struct buf *out)
{
	buf_init(object, out->data + out->len, buf_room(out));
	json_object_open(object, NULL);
}

static void end(struct buf *object, struct buf *out)
{
	json_object_close(object);
	buf_put_u8(object, '\n');
	out->len += object->len;
	out->overflow |= object->overflow;
}

void control_job_put(struct buf *out, const struct control_job *job)
{
	struct buf object, *buf = &object;
	uint64_t made = job->unmade < job->pending ? job->pending - job->unmade : 0;
	uint64_t in_memory = job->in_memory < made ? job->in_memory : made;
	begin(buf, out);
	json_object_put_text(buf, "directory", job->directory);
	json_object_put_text(buf, "job", job->job);
	json_object_put_text(buf, "state", text_of(job->state));
	json_object_put_text(buf, "held", job->hold);
	json_object_put_number(buf, "recipients", job->rcpts_count);
	put_kinds(buf, job->by_kind);
	json_object_put_number(buf, "pending", job->pending);
	json_object_put_number(buf, "unmade", job->pending - made);
	json_object_put_number(buf, "in_memory", in_memory);
	json_object_put_number(buf, "parked", made - in_memory);
	put_time(buf, "begun", job->begun_us);
	put_time(buf, "not_before", job->not_before_us);
	put_time(buf, "expires", job->expires_us);
	json_object_put_number(buf, "per_second", job->per_second);
	json_object_put_number(buf, "domains_count", job->domains_count);
	if (job->domains != NULL) {
		json_object_open_list(buf, "domains");
		for (size_t i = 0; i < job->domains_len; i++)
			put_domain(buf, &job->domains[i]);
		json_object_close_list(buf);
	}
	end(buf, out);
}

void control_job_put_label(
	struct buf *out, struct text label, const uint64_t by_kind[static CONTROL_JOB_KINDS])
{
	struct buf object;
	begin(&object, out);
	json_object_put_text(&object, "label", label);
	put_kinds(&object, by_kind);
	end(&object, out);
}
