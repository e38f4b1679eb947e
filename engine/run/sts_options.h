/* The flags of `longship sts` as a struct, and their table (engine/sts_options.def). */
#ifndef ENGINE_RUN_STS_OPTIONS_H
#define ENGINE_RUN_STS_OPTIONS_H

#include "engine/base/options.h"

struct sts_options {
#define OPTIONS_FILE "engine/sts_options.def"
#include "engine/base/options_fields.def"
};

extern const struct option_table sts_option_table;

#endif
