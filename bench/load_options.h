/* The command line of longship-load; every flag stands in load_options.def. */
#ifndef BENCH_LOAD_OPTIONS_H
#define BENCH_LOAD_OPTIONS_H

#include "engine/base/options.h"

struct load_options {
#define OPTIONS_FILE "bench/load_options.def"
#include "engine/base/options_fields.def"
};

extern const struct option_table load_option_table;

#endif
