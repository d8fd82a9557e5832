/* SPDX-License-Identifier: Apache-2.0 */
/* server_frame.h: a frame of the server, read (protocol, "Event frame", "Server to session client"). */
#ifndef CLIENT_SERVER_FRAME_H
#define CLIENT_SERVER_FRAME_H

#include "codec/json.h"
#include "mcp_auth/client.h"

/* Texts of an event, borrowed from `json`, which the caller keeps until it is done with them. */
void server_frame_event(const json_t *json, struct bytes text, mcp_auth_client_event *ret);
/* "2026-11-23T00:25:01.123Z" to Unix milliseconds; MCP_AUTH_E_INVALID. */
MUST_CHECK int server_frame_time(struct bytes text, int64_t *ret_ms);
/* A whole number of min..max; MCP_AUTH_E_INVALID when it is something else or absent. */
MUST_CHECK int server_frame_int(const json_t *json, const char *name, int64_t min, int64_t max,
                                int64_t *ret);

#endif
