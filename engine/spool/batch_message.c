#include "engine/spool/batch_message.h"
#include "engine/spool/spool_format.h"

/* True: there is one, and it is in `batch->transaction`. What is behind it is looked at, too. */
static bool find_only(struct batch_file *batch, struct text file)
{
	enum batch_event event = BATCH_MORE;
	struct text rest = file;
	while (event == BATCH_MORE)
		event = rest.len > 0 ? batch_file_input(batch, &rest) : batch_file_end(batch);
	if (event != BATCH_TRANSACTION || batch->transaction.bad_count > 0 ||
		batch->transaction.rcpts_count == 0)
		return false;
	uint64_t at = batch->transaction.at;
	event = BATCH_MORE;
	while (event == BATCH_MORE)
		event = rest.len > 0 ? batch_file_input(batch, &rest) : batch_file_end(batch);
	/* A MAIL that was taken back has the arena begun anew. */
	return event == BATCH_END && batch->transaction.at == at;
}

/* RFC 5321 4.5.2: the first dot of a line goes. Returns how long it is now. */
static size_t unstuff(char *data, size_t len)
{
	size_t from = 0, to = 0;
	while (from < len) {
		if (data[from] == '.')
			from++;
		size_t end = text_find(text_of_bytes(data + from, len - from), '\n');
		size_t line = end == TEXT_NONE ? len - from : end + 1;
		if (from != to)
			memmove(data + to, data + from, line);
		from += line;
		to += line;
	}
	return to;
}

enum result batch_or_message_parse(char *file, size_t bytes,
	const struct message_file_context *context, struct arena *batch_arena,
	struct arena *scratch, struct envelope **out_envelope, struct body **out_body,
	struct fail *out_fail)
{
	struct text all = { file, bytes };
	if (spool_format_of(text_cut(all, SPOOL_FORMAT_HEAD_BYTES), false) != SPOOL_FORMAT_BATCH)
		return message_file_parse(all, context, scratch, out_envelope, out_body, out_fail);
	struct batch_file batch;
	*out_envelope = NULL;
	*out_body = NULL;
	batch_file_init(&batch, batch_arena);
	if (!find_only(&batch, all))
		return fail_set(out_fail, RESULT_UNAVAILABLE, "a batch file that is to be split");
	const struct batch_transaction *t = &batch.transaction;
	char *data = file + t->data_at;
	struct text message = { data, unstuff(data, (size_t)t->data_bytes) };
	return message_file_parse_enveloped(message, &t->sender, t->rcpts, t->rcpts_count, context,
		scratch, out_envelope, out_body, out_fail);
}
