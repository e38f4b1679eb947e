#include "engine/run/job_run.h"
#include "engine/base/buf.h"
#include "engine/base/siphash.h"

void job_rcpt_name(char *out, size_t size, const struct job_run *job, uint32_t ordinal)
{
	struct buf buf;
	buf_init(&buf, out, size);
	buf_put_cstr(&buf, job->name);
	buf_put_u8(&buf, '/');
	buf_put_number(&buf, ordinal);
	CHECK(buf_cstr(&buf) != NULL);
}

bool job_rcpt_of_name(const char *name, struct job_rcpt *out_rcpt)
{
	uint64_t ordinal;
	size_t at = text_find(text_of(name), '/');
	*out_rcpt = (struct job_rcpt){ 0 };
	if (at == TEXT_NONE || at > JOB_NAME_BYTES_MAX ||
		!text_to_u64(text_skip(text_of(name), at + 1), &ordinal) || ordinal >= JOB_NONE)
		return false;
	out_rcpt->ordinal = (uint32_t)ordinal;
	out_rcpt->name_len = (uint16_t)at;
	return true;
}

/* DESIGN 1: a job's identity is its manifest id, so that it goes on where it was wherever its directory
 * comes from. 127 bits of a hash: no two ids meet. */
struct file_identity job_identity(struct text manifest_id)
{
	static const struct siphash_key keys[2] = { { 3, 0 }, { 4, 0 } };
	return (struct file_identity){
		.inode = siphash(&keys[0], manifest_id.data, manifest_id.len),
		.birth_ns =
			(int64_t)(siphash(&keys[1], manifest_id.data, manifest_id.len) >> 1 | 1),
	};
}
