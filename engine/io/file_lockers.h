/* Who else has locked a file, as LMDB locks its lock.mdb for as long as an environment is open. For people:
 * what is read here is old by the time it is shown. */
#ifndef ENGINE_IO_FILE_LOCKERS_H
#define ENGINE_IO_FILE_LOCKERS_H

#include <stddef.h>

/* "1234 (longship), 1300 (python3)": processes with a POSIX lock on the file, without this one; "another
 * process" when there is none to be seen. */
void file_lockers_put(const char *path, char *out, size_t size);

#endif
