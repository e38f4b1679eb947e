#include "engine/run/roots.h"
#include "engine/run/config.h"
#include "tls/tls_roots.h"

enum result roots_load(struct run_config *config, struct fail *fail)
{
	const char *file = config->options->ca_file;
	bool is_ours = *file != '\0';
	enum result r = tls_roots_load(is_ours ? file : TLS_ROOTS_SYSTEM, &config->roots, fail);
	if (r == RESULT_OK || r == RESULT_MEMORY)
		return r;
	if (is_ours) {
		fail->result = RESULT_INVALID;
		return fail_prefix(fail, "--ca-file");
	}
	const char *what_to_do = "install ca-certificates, or give --ca-file";
	log_write(&config->log, LOG_NO_ROOTS,
		LOG_FIELDS(log_fail("why", fail), log_cstr("do", what_to_do)));
	return RESULT_OK;
}

void roots_unload(struct run_config *config)
{
	tls_roots_destroy(config->roots);
	config->roots = NULL;
}
