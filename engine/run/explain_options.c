#include "engine/run/explain_options.h"
#include "engine/base/check.h"

static_assert(offsetof(struct explain_options, send) == 0,
	"the offsets of the common rows are those in both structs");

static const struct option_row rows[] = {
#define OPTIONS_FILE "engine/explain_options.def"
#define OPTIONS_STRUCT struct explain_options
#include "engine/base/options_rows.def"
#define OPTIONS_FILE "engine/options_receivers.def"
#define OPTIONS_STRUCT struct send_options
#include "engine/base/options_rows.def"
};

#define OPTIONS_FILE "engine/explain_options.def"
#include "engine/base/options_asserts.def"

const struct option_table explain_option_table = {
	.program = "longship explain",
	.about = "Shows where mail for a domain goes, step by step, and what the hosts must prove.",
	.operands = "DOMAIN",
	.rows = rows,
	.rows_count = COUNT_OF(rows),
	.size = sizeof(struct explain_options),
};

enum result explain_options_parse(struct explain_options *options, int argc, char *const *argv,
	struct arena *arena, struct option_list *out_operands, struct fail *fail)
{
	options_set_defaults(&explain_option_table, options);
	options_set_defaults(&send_option_table, &options->send);
	return options_parse_over(&explain_option_table, options, argc, argv, arena, out_operands, fail);
}
