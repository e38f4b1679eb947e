/* The flags of `longship explain` as a struct, and their table: those of engine/options_receivers.def, which
 * it has in common with `send`, and its own (engine/explain_options.def). */
#ifndef ENGINE_RUN_EXPLAIN_OPTIONS_H
#define ENGINE_RUN_EXPLAIN_OPTIONS_H

#include "engine/base/options.h"
#include "engine/run/send_options.h"

struct explain_options {
	struct send_options send; /* what explain has no flag for stands at the default */
#define OPTIONS_FILE "engine/explain_options.def"
#include "engine/base/options_fields.def"
};

extern const struct option_table explain_option_table;

/* As options_parse(), with the defaults of `send` for all that has no flag here. */
MUST_USE enum result explain_options_parse(struct explain_options *options, int argc, char *const *argv,
	struct arena *arena, struct option_list *out_operands, struct fail *fail);

#endif
