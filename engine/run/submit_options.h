/* The flags of `longship submit` as a struct, and their table (engine/submit_options.def). */
#ifndef ENGINE_RUN_SUBMIT_OPTIONS_H
#define ENGINE_RUN_SUBMIT_OPTIONS_H

#include "engine/base/options.h"

struct submit_options {
#define OPTIONS_FILE "engine/submit_options.def"
#include "engine/base/options_fields.def"
};

extern const struct option_table submit_option_table;

#endif
