/* The flags of `longship send` as a struct, and their table (engine/options.def). */
#ifndef ENGINE_RUN_SEND_OPTIONS_H
#define ENGINE_RUN_SEND_OPTIONS_H

#include "engine/base/options.h"

struct send_options {
#define OPTIONS_FILE "engine/options.def"
#include "engine/base/options_fields.def"
};

extern const struct option_table send_option_table;

#endif
