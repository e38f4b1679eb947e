/* Prints the answer of a request for people, or line by line as JSON. */
#ifndef ENGINE_RUN_QUEUE_PRINT_H
#define ENGINE_RUN_QUEUE_PRINT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "engine/base/hash_map.h"
#include "engine/base/result.h"
#include "engine/run/control_request.h"
#include "engine/run/queue_print_jobs.h"

enum {
	QUEUE_PRINT_STATES = 9, /* states of an entry (control_entry.h) */
};

enum queue_by { QUEUE_BY_DOMAIN, QUEUE_BY_JOB, QUEUE_BY_FILE };

/* The last line of an answer. */
struct queue_answer {
	bool is_whole; /* there was one */
	int status;    /* exit status of a failure, or 0 */
	char error[240];
	uint64_t attempts, rcpts, busy;
	bool has_rule;
};

struct queue_print {
	const struct control_request *request;
	bool json;
	enum queue_by by;
	struct queue_answer answer;
	/* in text */
	struct hash_map rows; /* by name */
	struct queue_print_jobs jobs;
	uint64_t by_state[QUEUE_PRINT_STATES]; /* recipients */
	FILE *lines;                           /* of single files, until the sums are known */
	char *lines_text;
	size_t lines_len;
	bool has_title;
	bool is_broken; /* a line was not understood, or no memory */
};

MUST_USE enum result queue_print_init(struct queue_print *print,
	const struct control_request *request, bool json, enum queue_by by, struct fail *fail);
/* One line of the answer (control_entry.h); the context is the struct. */
void queue_print_line(struct text line, void *print);
/* What was collected. */
void queue_print_end(struct queue_print *print);
void queue_print_deinit(struct queue_print *print);
/* It comes from submitters and peers: no terminal is driven by it. */
void queue_print_text(FILE *out, const char *text);

#endif
