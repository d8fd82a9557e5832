/* SPDX-License-Identifier: Apache-2.0 */
/* keys.h: the keyring of the configured keys: the shared secret, the PEM file, the key set. */
#ifndef SERVER_KEYS_H
#define SERVER_KEYS_H

#include "auth/keyring.h"
#include "base/strbuf.h"
#include "node/settings.h"

bool keys_configured(const struct settings *settings); /* is any key set at all? */
/* Reads and parses them; with none configured an empty ring. MCP_AUTH_E_INVALID or _IO after
 * telling `problem`, MCP_AUTH_E_NOMEM. */
MUST_CHECK int keys_load(const struct settings *settings, settings_problem problem, void *owner,
                         struct strbuf *notices, struct keyring **ret);

/* `notices` (may be NULL) gets a line for each key of the set that is not used. */
#define KEYS_NOTICES_SIZE_MAX (64u * 1024u)
bool keys_next_notice(struct bytes *rest, struct bytes *ret_line, bool *ret_refused);

#endif
