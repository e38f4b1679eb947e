/* The flags of `longship queue`, made from queue_options.def. */
#ifndef ENGINE_RUN_QUEUE_OPTIONS_H
#define ENGINE_RUN_QUEUE_OPTIONS_H

#include "engine/base/options.h"

struct queue_options {
#define OPTIONS_FILE "engine/queue_options.def"
#include "engine/base/options_fields.def"
};

extern const struct option_table queue_option_table;

#endif
