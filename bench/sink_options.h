/* The command line of longship-sink; every flag stands in sink_options.def. */
#ifndef BENCH_SINK_OPTIONS_H
#define BENCH_SINK_OPTIONS_H

#include "engine/base/options.h"

struct sink_options {
#define OPTIONS_FILE "bench/sink_options.def"
#include "engine/base/options_fields.def"
};

extern const struct option_table sink_option_table;

#endif
