/* SPDX-License-Identifier: Apache-2.0 */
/* tail.h: how the tail command shows an event. */
#ifndef CLI_TAIL_H
#define CLI_TAIL_H

#include "cli.h"
#include "mcp_auth/client.h"

/* One line: time, level, type, message, and who and what by name. */
void tail_print_line(const mcp_auth_client_event *event);

#endif
