/* SPDX-License-Identifier: Apache-2.0 */
/* descriptors.h: as many open files as the connections need, or the number that is missing. */
#ifndef SERVER_DESCRIPTORS_H
#define SERVER_DESCRIPTORS_H

#include "node/settings.h"

/* Raises the soft limit of open files of this process. MCP_AUTH_E_SYSTEM after telling `problem`
 * when the hard limit does not allow what WEBSOCKET_MAX_CONNECTIONS needs. */
MUST_CHECK int descriptors_raise(const struct settings *settings, settings_problem problem,
                                 void *owner);

#endif
