/* SPDX-License-Identifier: Apache-2.0 */
/* response_head.h: status and fields of the head of an answer (RFC 9112 sections 4 and 5). */
#ifndef CLIENT_RESPONSE_HEAD_H
#define CLIENT_RESPONSE_HEAD_H

#include "base/bytes.h"
#include "base/compiler.h"

/* 200 of "HTTP/1.1 200 OK"; MCP_AUTH_E_INVALID for anything that is not HTTP/1.1. */
MUST_CHECK int response_status(struct bytes head);
/* The value of the only field of this name; absent when there is none, or more than one. */
struct bytes response_field(struct bytes head, struct bytes name);
/* Is `token` one of the comma separated members? (no case) */
bool response_list_has(struct bytes list, struct bytes token);

#endif
