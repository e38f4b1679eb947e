/* The command line of longship-floor; every flag stands in floor_options.def. */
#ifndef BENCH_FLOOR_OPTIONS_H
#define BENCH_FLOOR_OPTIONS_H

#include "engine/base/options.h"

struct floor_options {
#define OPTIONS_FILE "bench/floor_options.def"
#include "engine/base/options_fields.def"
};

extern const struct option_table floor_option_table;

#endif
