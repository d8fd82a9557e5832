/* SPDX-License-Identifier: Apache-2.0 */
/* keys.h: the keyring of the configured keys: the shared secret, the PEM file, the key set. */
#ifndef SERVER_KEYS_H
#define SERVER_KEYS_H

#include "auth/keyring.h"
#include "base/strbuf.h"
#include "node/settings.h"

/* Who is told what is wrong, and what is not used. */
struct keys_told {
    settings_problem problem;
    void *owner;
    struct strbuf *notices; /* gets a line for each key of a set that is not used */
};
#define KEYS_NOTICES_SIZE_MAX (64u * 1024u)
/* The line begins with what named the file. */
bool keys_next_notice(struct bytes *rest, struct bytes *ret_line, bool *ret_refused);

bool keys_configured(const struct settings *settings); /* is any key set by itself? */
/* Reads and parses them; with none configured an empty ring. MCP_AUTH_E_INVALID or _IO after
 * telling, MCP_AUTH_E_NOMEM. */
MUST_CHECK int keys_load(const struct settings *settings, const struct keys_told *told,
                         struct keyring **ret);

/* The keys of one file; `name` (a setting, or a place in a file) begins what is told of it. The
 * same errors. A set in which no key is usable is a mistake when the ring stays empty. */
MUST_CHECK int keys_add_pem(struct keyring *ring, const char *name, const char *path,
                            const struct keys_told *told);
MUST_CHECK int keys_add_jwks(struct keyring *ring, const char *name, const char *path,
                             const struct keys_told *told);

#endif
