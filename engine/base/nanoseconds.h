/* Units of the 64-bit nanoseconds in which the program counts time. */
#ifndef ENGINE_BASE_NANOSECONDS_H
#define ENGINE_BASE_NANOSECONDS_H

#define MS_NS     1000000ull
#define SECOND_NS 1000000000ull

#endif
