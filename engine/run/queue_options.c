#include "engine/run/queue_options.h"
#include "engine/base/check.h"

static const struct option_row rows[] = {
#define OPTIONS_FILE   "engine/queue_options.def"
#define OPTIONS_STRUCT struct queue_options
#include "engine/base/options_rows.def"
};

#define OPTIONS_FILE "engine/queue_options.def"
#include "engine/base/options_asserts.def"

const struct option_table queue_option_table = {
	.program = "longship queue",
	.about = "Shows what waits and why, and changes it, also while a sender runs. Mail that is "
		 "held is not sent until it is released, nor is mail of that domain or job that "
		 "comes "
		 "later; its lifetime goes on. What is dropped is withdrawn, without a "
		 "notification; "
		 "files that the sender has not read yet are not meant, so hold a job of files "
		 "before it "
		 "is dropped. Of a job directory all recipients are meant, made into mail or not. "
		 "job list and job show tell what jobs have come to so far.",
	.operands = "list | show FILE | retry | drop | hold | release, [FILE ...] [--domain NAME] "
		    "[--job NAME]; job list | job show NAME",
	.rows = rows,
	.rows_count = COUNT_OF(rows),
	.size = sizeof(struct queue_options),
};
