/* SPDX-License-Identifier: Apache-2.0 */
/* redis_server.h: a Redis server of one's own, in a folder of its own, for a test. */
#ifndef TESTS_REDIS_SERVER_H
#define TESTS_REDIS_SERVER_H

#include <sys/types.h>

struct redis_server {
    pid_t pid;       /* 0: not running */
    char folder[64]; /* in /tmp; removed at the end */
    char path[96];   /* its Unix socket */
    int port;        /* on 127.0.0.1; of TLS when `tls` */
    const char *more[16];
};

/* Nothing is kept on disk. `more`: options behind ours, ended by NULL; borrowed for the whole life. Back
 * when it answers. */
void redis_server_start(struct redis_server *server, const char *const *more);
/* By SIGKILL, and again with the same options. */
void redis_server_kill(struct redis_server *server);
void redis_server_again(struct redis_server *server);
void redis_server_stop(struct redis_server *server);

#endif
