/* SPDX-License-Identifier: Apache-2.0 */
/* issuers_file.h: all issuers of tokens: those of MCP_AUTH_ISSUERS_FILE beside the settings' keys. */
#ifndef SERVER_ISSUERS_FILE_H
#define SERVER_ISSUERS_FILE_H

#include "auth/issuers.h"
#include "server/keys.h"

/* docs/issuers.md says what the file looks like. Reads it and the key files that it names, beside
 * keys_load; without the setting there are the settings' keys alone. Every mistake is told with its
 * place. MCP_AUTH_E_INVALID or _IO after telling, MCP_AUTH_E_NOMEM. */
MUST_CHECK int issuers_load(const struct settings *settings, const struct keys_told *told,
                            struct issuers **ret);

#endif
