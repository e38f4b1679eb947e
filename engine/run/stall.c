#include "engine/run/stall.h"
#include "engine/base/nanoseconds.h"
#include "engine/io/mailbox.h"

void stall_init(
	struct stall *stall, struct mailbox *mailbox, const char *thread, const char *advice)
{
	*stall = (struct stall){ .mailbox = mailbox, .thread = thread, .advice = advice };
}

static void tell(const struct stall *stall, enum log_row row, uint64_t now_ns, struct logger *log)
{
	log_write(log, row,
		LOG_FIELDS(log_cstr("thread_name", stall->thread),
			log_number("seconds", (now_ns - stall->asked_ns) / SECOND_NS),
			log_number("messages_before_it", mailbox_used(stall->mailbox)),
			log_cstr("what_to_do", row == LOG_STALLED ? stall->advice : "nothing")));
}

bool stall_look(struct stall *stall, uint64_t now_ns, uint64_t limit_ns, struct logger *log)
{
	if (stall->mailbox == NULL)
		return false;
	uint32_t pongs = mailbox_pongs(stall->mailbox);
	if (stall->asked_ns != 0 && pongs == stall->pongs) {
		bool is_late = now_ns - stall->asked_ns > limit_ns;
		if (is_late && !stall->is_told)
			tell(stall, LOG_STALLED, now_ns, log);
		stall->is_told |= is_late;
		return is_late;
	}
	if (stall->is_told)
		tell(stall, LOG_STALL_OVER, now_ns, log);
	stall->is_told = false;
	stall->pongs = pongs;
	stall->asked_ns = now_ns;
	mailbox_ping(stall->mailbox);
	return false;
}
