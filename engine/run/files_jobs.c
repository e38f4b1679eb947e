#include <stdio.h>
#include <string.h>
#include "engine/io/file_scan.h"
#include "engine/run/files_jobs.h"
#include "engine/run/files_state.h"

/* A directory in new/ is a job (DESIGN 1, format 3), complete once its manifest.json is there. */

#define MANIFEST "manifest.json"

void files_consider_job(struct files *f, const char *name, const struct file_identity *identity)
{
	int dir_fd, fd = -1;
	struct file_identity manifest;
	struct fail fail = { 0 };
	if (files_is_stuck(f, name, identity))
		return;
	enum result r = file_open_directory(f->new_fd, name, &dir_fd, &fail);
	if (r == RESULT_OK) {
		r = file_open_regular(dir_fd, MANIFEST, &fd, &manifest, &fail);
		file_close(dir_fd);
	}
	if (r == RESULT_NOT_FOUND) { /* it is being written in place: looked at each second */
		files_leave_alone(f, name, LEFT_OPEN, NULL);
		return;
	}
	/* What cannot be opened for another reason is told by who opens it to read it. */
	bool is_complete = r != RESULT_OK || files_is_complete(f, fd, name, &manifest, true);
	struct message *message = is_complete ? files_take(f, name, identity) : NULL;
	if (message == NULL)
		return;
	message->is_job = true;
	hub_post(f->hub->scheduler, POST_FILE_FOUND, message, 0, 0);
}

bool files_job_is_there(int new_fd, const char *name)
{
	char job[FILE_NAME_BYTES_MAX + 1];
	struct file_identity identity;
	enum file_type type;
	snprintf(job, sizeof job, "%.*s", (int)strcspn(name, "/"), name);
	enum result r = file_look(new_fd, job, &type, &identity, NULL);
	return r == RESULT_OK ? type == FILE_TYPE_DIRECTORY : r != RESULT_NOT_FOUND;
}

static enum result remove_content(int dir_fd, struct fail *fail)
{
	struct file_scan scan;
	struct file_scan_entry entry;
	enum result r = file_scan_open(&scan, dir_fd, ".", fail);
	if (r != RESULT_OK)
		return r;
	while (r == RESULT_OK || r == RESULT_AGAIN) {
		r = file_scan_next(&scan, &entry, fail);
		if (r == RESULT_OK && strcmp(entry.name, MANIFEST) != 0)
			r = file_unlink(dir_fd, entry.name, fail);
	}
	file_scan_close(&scan);
	return r == RESULT_NOT_FOUND ? file_unlink(dir_fd, MANIFEST, fail) : r;
}

enum result files_remove_job(int parent_fd, const char *name, struct fail *fail)
{
	int dir_fd;
	enum result r = file_open_directory(parent_fd, name, &dir_fd, fail);
	if (r != RESULT_OK)
		return r;
	r = remove_content(dir_fd, fail);
	file_close(dir_fd);
	return r == RESULT_OK || r == RESULT_NOT_FOUND
		       ? file_remove_directory(parent_fd, name, fail)
		       : r;
}
