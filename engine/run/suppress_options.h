/* The flags of `longship suppress` as a struct, and their table (engine/suppress_options.def). */
#ifndef ENGINE_RUN_SUPPRESS_OPTIONS_H
#define ENGINE_RUN_SUPPRESS_OPTIONS_H

#include "engine/base/options.h"

struct suppress_options {
#define OPTIONS_FILE "engine/suppress_options.def"
#include "engine/base/options_fields.def"
};

extern const struct option_table suppress_option_table;

#endif
