/* The flags of `longship verify` as a struct, and their table (engine/verify_options.def). */
#ifndef ENGINE_RUN_VERIFY_OPTIONS_H
#define ENGINE_RUN_VERIFY_OPTIONS_H

#include "engine/base/options.h"

struct verify_options {
#define OPTIONS_FILE "engine/verify_options.def"
#include "engine/base/options_fields.def"
};

extern const struct option_table verify_option_table;

#endif
