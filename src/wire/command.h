/* SPDX-License-Identifier: Apache-2.0 */
/* command.h: one text message of a client to a checked command (protocol, "Client to server"). */
#ifndef WIRE_COMMAND_H
#define WIRE_COMMAND_H

#include "codec/json.h"
#include "model/filter.h"
#include "model/limits.h"

enum command_type { COMMAND_AUTH, COMMAND_SUBSCRIBE, COMMAND_PING };

struct command {
    enum command_type type;
    json_t *json;          /* keeps what is borrowed below */
    struct bytes token;    /* auth: absent when the member is not there */
    struct bytes position; /* auth: absent when none */
    bool has_subscribe;    /* auth with subscribe, and subscribe itself */
    struct filter *filter; /* yours when taken (set it to NULL); NULL passes everything */
    const json_t *ping_id; /* ping: any value, NULL when none; PING_ID_SIZE_MAX when written */
};

struct command_problem {
    bool is_auth;     /* the message was an object of type auth */
    char reason[160]; /* for the sender; names the member */
};

/* Unknown type, unknown member, wrong JSON type, too many or too long resources, an unknown event
 * type or level: MCP_AUTH_E_INVALID with *ret_problem. MCP_AUTH_E_NOMEM.
 * An auth message may lack `token` (a session client whose token came with the handshake); the
 * caller decides. Member types of auth: token, position strings; subscribe an object with
 * event_types, resources, min_security_level (each optional). */
MUST_CHECK int command_read(struct bytes text, struct command *ret,
                            struct command_problem *ret_problem);
void command_done(
    struct command *command); /* wipes the token's copy (OPENSSL_cleanse or explicit_bzero) */

#endif
