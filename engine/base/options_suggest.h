/* The flag that somebody may have meant. Inside of options only. */
#ifndef ENGINE_BASE_OPTIONS_SUGGEST_H
#define ENGINE_BASE_OPTIONS_SUGGEST_H

#include "engine/base/options.h"
#include "engine/base/text.h"

/* NULL if none is near enough to be worth telling. */
const char *options_suggest(const struct option_table *table, struct text flag);

#endif
