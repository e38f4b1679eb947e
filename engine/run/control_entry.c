#include "engine/run/control_entry.h"
#include <stdio.h>
#include "engine/base/json_line.h"
#include "engine/base/json_object.h"
#include "engine/base/time_text.h"
#include "store/queue_schema.h"

/* Keys, numbers, times and punctuation of one entry. */
enum { FIXED_BYTES = 512, RCPT_FIXED_BYTES = 4 };

size_t control_entry_bytes(const struct control_entry *entry, bool with_rcpts)
{
	size_t texts = entry->file.len + entry->id.len + entry->job.len + entry->from.len +
		       entry->domain.len + entry->last.len + entry->why.len;
	size_t bytes = FIXED_BYTES + JSON_ESCAPE_MAX * texts;
	for (uint32_t i = 0; with_rcpts && entry->rcpt != NULL && i < entry->rcpts_count; i++)
		bytes += RCPT_FIXED_BYTES + JSON_ESCAPE_MAX * entry->rcpt(entry->context, i).len;
	return bytes;
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

static void put_rcpts(struct buf *buf, const struct control_entry *entry)
{
	json_object_open_list(buf, "rcpts");
	for (uint32_t i = 0; i < entry->rcpts_count; i++)
		json_object_put_text(buf, NULL, entry->rcpt(entry->context, i));
	json_object_close_list(buf);
}

void control_entry_put(struct buf *out, const struct control_entry *entry, bool with_rcpts)
{
	struct buf object,
		*buf = &object; /* a value of its own, not one more of what stands before it */
	const char *class = entry->transactional ? "transactional" : "bulk";
	if (entry->rcpts_count == 0)
		class = ""; /* nobody has read it */
	buf_init(buf, out->data + out->len, buf_room(out));
	json_object_open(buf, NULL);
	json_object_put_text(buf, "file", entry->file);
	json_object_put_text(buf, "id", entry->id);
	json_object_put_text(buf, "job", entry->job);
	json_object_put_text(buf, "class", text_of(class));
	json_object_put_text(buf, "from", entry->from);
	json_object_put_text(buf, "domain", entry->domain);
	json_object_put_text(buf, "state", text_of(entry->state));
	json_object_put_bool(buf, "parked", entry->is_parked);
	json_object_put_number(buf, "recipients", entry->rcpts_count);
	json_object_put_number(buf, "attempt", entry->attempt);
	put_time(buf, "next", entry->next_us);
	put_time(buf, "expires", entry->expires_us);
	json_object_put_text(buf, "last", entry->last);
	json_object_put_text(buf, "why", entry->why);
	if (with_rcpts && entry->rcpt != NULL)
		put_rcpts(buf, entry);
	json_object_close(buf);
	buf_put_u8(buf, '\n');
	out->len += buf->len;
	out->overflow |= buf->overflow;
}

/* ---- of the queue ---- */

static struct text queue_rcpt(const void *context, uint32_t index)
{
	const struct queue_attempt *attempt = context;
	return attempt->rcpts[index].address;
}

void control_entry_of_queue(const struct queue_file *file, const struct queue_attempt *attempt,
	const char *hold, int64_t ahead_us, char why[static CONTROL_WHY_MAX],
	struct control_entry *out_entry)
{
	bool is_held = hold != NULL || attempt->is_held;
	if (attempt->is_dropped)
		(void)snprintf(why, CONTROL_WHY_MAX, "dropped by the operator, about to go");
	else if (hold != NULL)
		(void)snprintf(why, CONTROL_WHY_MAX, "held by the operator: %s", hold);
	else if (is_held)
		(void)snprintf(why, CONTROL_WHY_MAX, "held by the operator, about to be released");
	else if (attempt->waits == 0)
		(void)snprintf(why, CONTROL_WHY_MAX, "not tried yet: waits for its time, or for its turn");
	else
		(void)snprintf(why, CONTROL_WHY_MAX, "deferred: tried again in its time");
	*out_entry = (struct control_entry){
		.file = file->file.name,
		.id = file->id,
		.job = file->job,
		.from = file->from,
		.domain = attempt->domain,
		.transactional = attempt->transactional,
		.state = is_held ? "held" : "waiting",
		.is_parked = true,
		.rcpts_count = attempt->rcpts_count,
		.attempt = attempt->number,
		.next_us = is_held ? 0 : (int64_t)attempt->next_us - ahead_us,
		.expires_us = (int64_t)attempt->expires_us - ahead_us,
		.last = attempt->last,
		.why = text_of(why),
		.rcpt = queue_rcpt,
		.context = attempt,
	};
}
