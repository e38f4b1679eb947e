/* Job directories in the files thread (DESIGN 1, format 3): taken in, and removed. */
#ifndef ENGINE_RUN_FILES_JOBS_H
#define ENGINE_RUN_FILES_JOBS_H

#include <stdbool.h>
#include "engine/io/file.h"

struct files;
struct message;

/* ---- files.c ---- */
/* Closes `fd`. `told`: as for files_consider(). False: it was put down as being written. */
bool files_is_complete(struct files *f, int fd, const char *name, const struct file_identity *identity,
	bool told);
/* A message for what stands there; the caller tells the scheduler. NULL: no memory now. */
struct message *files_take(struct files *f, const char *name, const struct file_identity *identity);

/* ---- files_jobs.c ---- */
/* A directory: taken if it is a complete job. */
void files_consider_job(struct files *f, const char *name, const struct file_identity *identity);
/* Of a name "JOB/ORDINAL": whether there is a directory of that name. */
bool files_job_is_there(int new_fd, const char *name);
/* A directory with what is in it, its manifest last. RESULT_OK, or why not. */
MUST_USE enum result files_remove_job(int dir_fd, const char *name, struct fail *fail);

#endif
