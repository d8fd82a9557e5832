/* SPDX-License-Identifier: Apache-2.0 */
/* serve_dev.h: what a development server tells whoever started it. */
#ifndef SERVE_DEV_H
#define SERVE_DEV_H

#include "cli.h"
#include "mcp_auth/server.h"

/* The page to open, the demo tokens, and a command to publish with, on standard output. */
void serve_dev_print(const mcp_auth_server *server);

#endif
