/* SPDX-License-Identifier: Apache-2.0 */
/* upgrade.h: the client's half of the opening handshake (RFC 6455 section 4.1). */
#ifndef CLIENT_UPGRADE_H
#define CLIENT_UPGRADE_H

#include <stdint.h>

#include "base/random.h"
#include "base/strbuf.h"

#define UPGRADE_KEY_SIZE 24 /* 16 bytes in base64 */
#define UPGRADE_HEAD_SIZE_MAX 16384u
#define CLIENT_SUBPROTOCOL "mcp-auth.v1"

enum upgrade_result {
    UPGRADE_NEED_MORE,
    UPGRADE_DONE,
    UPGRADE_REFUSED,  /* another status than 101: `status`, `retry_after_ms` */
    UPGRADE_NO_SERVER /* not an answer of a server of this protocol: `why` */
};

struct upgrade {
    char key[UPGRADE_KEY_SIZE];
    struct strbuf head; /* what has come, up to the empty line */
    int status;
    int64_t retry_after_ms; /* -1: none given */
    bool plain;             /* asked without the subprotocol */
    const char *why;        /* static */
};

void upgrade_init(struct upgrade *upgrade);
void upgrade_done(struct upgrade *upgrade);
/* Draws a key and appends the request. Failures stick to `out`. */
void upgrade_request(struct upgrade *upgrade, const struct random *random, const char *authority,
                     const char *path, struct strbuf *out);
/* The same for a plain client, which the token in the head signs in (protocol, section 1). The token
 * holds nothing that could end its line: that is the caller's to know. */
void upgrade_request_plain(struct upgrade *upgrade, const struct random *random,
                           const char *authority, const char *path, const char *token,
                           struct strbuf *out);
/* Feeds bytes; *ret_used says how many belong to the head (all, while more are needed). */
enum upgrade_result upgrade_feed(struct upgrade *upgrade, struct bytes data, size_t *ret_used);

#endif
