/* Text for manual pages, with everything that troff would take as an order made harmless. */
#ifndef ENGINE_BASE_ROFF_H
#define ENGINE_BASE_ROFF_H

#include <stdio.h>

/* Prints the text; backslashes, hyphens, and dots and quotes at the start of a line are escaped. */
void roff_print(FILE *out, const char *text);

#endif
