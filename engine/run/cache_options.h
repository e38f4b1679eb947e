/* The flags of `longship cache` as a struct, and their table (engine/cache_options.def). */
#ifndef ENGINE_RUN_CACHE_OPTIONS_H
#define ENGINE_RUN_CACHE_OPTIONS_H

#include "engine/base/options.h"

struct cache_options {
#define OPTIONS_FILE "engine/cache_options.def"
#include "engine/base/options_fields.def"
};

extern const struct option_table cache_option_table;

#endif
