/* Puts mail into a spool so that it is there whole or not at all, whatever happens to the machine: written
 * into tmp/, brought to the disk, renamed into new/, the directory brought to the disk (DESIGN 1). For the
 * tools that feed the spool; a sender may run on it or not. */
#ifndef ENGINE_RUN_SPOOL_PUT_H
#define ENGINE_RUN_SPOOL_PUT_H

#include "engine/base/arena.h"
#include "engine/base/limits.h"
#include "engine/base/result.h"
#include "engine/base/text.h"

struct spool_put {
	int spool_fd, tmp_fd, new_fd;
};

/* RESULT_NOT_FOUND: no spool is there (it is made by the sender, so that a mistyped path does not become
 * one); RESULT_FORBIDDEN and what open can say else. `put` is closed after an error. */
MUST_USE enum result spool_put_open(struct spool_put *put, const char *spool, struct fail *fail);
void spool_put_close(struct spool_put *put);

/* One file. `name` is what it shall be called in new/; what is called so already gets a number that nobody
 * has behind it, and so does what could not be a name there (empty, with a dot in front, longer than a name
 * may be). RESULT_OK: it is on the disk, and `out_name` says what it is called. RESULT_CHANGED: it is in
 * new/, but whether it would survive a power failure is not known. Else nothing is there: RESULT_NO_SPACE,
 * RESULT_FORBIDDEN, RESULT_IO, and so on. */
MUST_USE enum result spool_put_file(struct spool_put *put, struct text name, struct text file,
	char out_name[static FILE_NAME_BYTES_MAX + 1], struct fail *fail);

/* Reads all there is behind `fd` into `arena`. RESULT_TOO_LONG: more than MESSAGE_BYTES_MAX, which the
 * sender would refuse; RESULT_MEMORY; RESULT_IO. */
MUST_USE enum result spool_put_read(
	int fd, struct arena *arena, struct text *out_file, struct fail *fail);

/* What the sender will say of a message file, by the code of the sender: RESULT_INVALID with its sentence if
 * it would put the file into bad/; RESULT_MEMORY. */
MUST_USE enum result spool_put_check(struct text file, struct fail *fail);

#endif
