/* SPDX-License-Identifier: Apache-2.0 */
/* fake_server.h: one connection's other end, in the same thread as the client it is for. */
#ifndef TESTS_FAKE_SERVER_H
#define TESTS_FAKE_SERVER_H

#include "base/strbuf.h"
#include "codec/ws_message.h"
#include "mcp_auth/client.h"

struct fake_server {
    char path[64], url[80]; /* of a Unix socket */
    int listen_fd, fd;      /* -1: nobody */
    struct ws_reader reader;
    struct strbuf said;  /* the client's last text message, terminated; "" when none */
    unsigned close_code; /* the client's, 0: none */
    unsigned pongs;
};

void fake_open(struct fake_server *fake);
void fake_close(struct fake_server *fake);
/* Runs the client until it has connected, and answers its handshake. */
void fake_accept(struct fake_server *fake, mcp_auth_client *client);
/* The same, and takes its first message as a server would; `rest` are members of auth_ok behind
 * the position ("\"resumed\":true"). */
void fake_sign_in(struct fake_server *fake, mcp_auth_client *client, const char *position,
                  const char *rest);
/* One frame as it is on the wire, and the client runs until it has read it. */
void fake_send(struct fake_server *fake, mcp_auth_client *client, const char *text);
void fake_send_close(struct fake_server *fake, mcp_auth_client *client, unsigned code);
void fake_send_raw(struct fake_server *fake, mcp_auth_client *client, const void *data,
                   size_t size);
/* Reads what the client has sent meanwhile. */
void fake_receive(struct fake_server *fake);
void fake_hang_up(struct fake_server *fake, mcp_auth_client *client);
/* Runs the client until it does nothing more for some milliseconds. */
void fake_settle(mcp_auth_client *client);

#endif
