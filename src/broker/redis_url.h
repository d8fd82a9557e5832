/* SPDX-License-Identifier: Apache-2.0 */
/* redis_url.h: the address of a Redis server, as operators write it. */
#ifndef BROKER_REDIS_URL_H
#define BROKER_REDIS_URL_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/compiler.h"

#define REDIS_URL_HOST_SIZE 256    /* with the NUL, as all of these; a path has 107 bytes at most */
#define REDIS_URL_SECRET_SIZE 1025 /* longer is no password anybody uses */
#define REDIS_URL_TEXT_SIZE (REDIS_URL_HOST_SIZE + 32)

struct redis_url {
    bool tls;
    bool unix_socket;
    char host[REDIS_URL_HOST_SIZE]; /* a name or an address without brackets; unix: the path */
    char port[6];                   /* "" for unix */
    char user[257];                 /* "": none, which means Redis' user "default" */
    char password[REDIS_URL_SECRET_SIZE]; /* "": none */
    unsigned database;
};

/* Reads one of
 *   redis://[[user][:password]@]host[:port][/database]
 *   rediss://...                                        the same over TLS
 *   unix://[[user][:password]@]/path[?db=database]
 * with percent-escapes in user, password and path. `password` (may be empty) is taken when the URL has
 * none. MCP_AUTH_E_INVALID with *ret_why, a static text that shows nothing of the input. */
MUST_CHECK int redis_url_read(struct bytes text, struct bytes password, struct redis_url *ret,
                              const char **ret_why);

/* For people, without user and password: "redis://host:6379/0", "unix:///run/redis.sock?db=0". */
void redis_url_text(const struct redis_url *url, char ret[REDIS_URL_TEXT_SIZE]);

/* What holds a password is wiped. */
void redis_url_wipe(struct redis_url *url);

#endif
