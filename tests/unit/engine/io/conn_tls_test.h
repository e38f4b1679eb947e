/* Two ends that do what SMTP does around STARTTLS: the server says "220 go" and starts TLS, the
 * client reads the line and starts TLS. Certificates are made when the test starts. */
#ifndef TESTS_UNIT_ENGINE_IO_CONN_TLS_TEST_H
#define TESTS_UNIT_ENGINE_IO_CONN_TLS_TEST_H

#include "tests/unit/engine/io/conn_test.h"
#include "engine/base/policy.h"
#include "tests/unit/tls/tls_test_certs.h"
#include "tls/tls_context.h"
#include "tls/tls_verify.h"

#define GO "220 go\r\n"

struct tls_world {
	struct world world;
	struct tls_pool *tls_pool;
	struct tls_context *client, *server;
	struct security_demand demand;

	/* The verifier: what it says at once, and the connection that it lets wait. */
	struct tls_verdict verdict;
	unsigned asked;
};

struct tls_world_options {
	struct world_options world;
	uint16_t server_version_min, server_version_max;
	enum security_need need; /* SECURITY_NEED_MAY: nobody is asked */
};

struct tls_end {
	struct end end;
	struct tls_world *tls_world;
	char line[64];
	size_t line_len;
	bool does_not_start;       /* the server says GO and no more */
	enum result start_result;  /* of conn_start_tls() */
	bool started;
};

void tls_world_init(struct tls_world *tls_world, struct tls_world_options options);
void tls_world_deinit(struct tls_world *tls_world);

/* Ready to be used as ends of the world, with what they send and echo once TLS is up. */
void tls_client_init(struct tls_end *client, struct tls_world *tls_world);
void tls_server_init(struct tls_end *server, struct tls_world *tls_world);
/* Both, connected; runs until the client is told that the handshake is done. */
void tls_pair_up(struct tls_world *tls_world, struct tls_end *client, struct tls_end *server);
/* The server of the pair is not a conn but a socket that has said GO. */
void tls_client_to_raw(struct tls_world *tls_world, struct tls_end *client, int *out_raw);
/* A server end for a pair that is made by hand. */
void tls_serve(struct tls_world *tls_world, struct tls_end *server);

#define TLS_UNTIL(tls_world, expression) RUN_UNTIL((tls_world)->world.ring, expression)

#endif
