/* SPDX-License-Identifier: Apache-2.0 */
/* conn.c: what the host says of one connection: it came, its client said this, it is gone. */
#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "front/front_private.h"
#include "mcp_auth/error.h"
#include "model/limits.h"

/* RFC 6455 section 7.4.1 */
#define CODE_TOO_BIG 1009

/* ---- Its opening. ---- */

struct opening {
    struct note note; /* first */
    struct front_conn *conn;
    enum session_kind kind;
    struct bytes authorization, origin;
    char text[];
};

static void opening_run(struct note *note, void *context)
{
    struct opening *opening = container_of(note, struct opening, note);
    struct front_conn *conn = opening->conn;

    (void)context;
    if (!conn->loop->closed) {
        list_append(&conn->loop->conns, &conn->in_loop);
        front_conn_opens(conn, opening->authorization, opening->origin, opening->kind);
    }
    explicit_bzero(opening->text, opening->authorization.size);
    free(opening);
}

static struct bytes keep(char **at, struct bytes text)
{
    struct bytes kept = {*at, text.size};

    if (!bytes_present(text))
        return (struct bytes){0};
    if (text.size > 0)
        memcpy(*at, text.data, text.size);
    *at += text.size;
    return kept;
}

/* What is no address is of a stranger, who counts with all other strangers. */
static struct peer peer_of(struct bytes address, uint16_t port)
{
    struct peer peer = {.kind = bytes_present(address) ? PEER_V4 : PEER_UNIX, .port = port};
    struct sockaddr_storage storage = {0};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    char text[INET6_ADDRSTRLEN];

    if (!bytes_present(address) || address.size >= sizeof text)
        return peer;
    memcpy(text, address.data, address.size);
    text[address.size] = '\0';
    if (inet_pton(AF_INET, text, peer.address) == 1)
        return peer;
    if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1) {
        memcpy(&storage, &in6, sizeof in6);
        peer_init(&peer, &storage);
    }
    return peer;
}

static struct front_conn *conn_new(struct front_loop *loop, const struct front_opening *opening,
                                   void *host)
{
    struct front_conn *conn = calloc(1, sizeof *conn);

    if (!conn)
        return NULL;
    conn->loop = loop;
    conn->host = host;
    conn->peer = peer_of(opening->address, opening->port);
    list_init(&conn->in_loop);
    list_init(&conn->in_flush);
    list_init(&conn->in_closing);
    return conn;
}

int front_connect(struct front_conn **ret, struct front_loop *loop,
                  const struct front_opening *opening, void *host)
{
    struct front *front = loop->front;
    struct opening *note;
    struct front_conn *conn;
    char *at;

    assert(opening->kind != SESSION_STREAM);
    if (!atomic_load(&front->running) || atomic_load(&front->stopping))
        return MCP_AUTH_E_STOPPING;
    conn = conn_new(loop, opening, host);
    note = malloc(sizeof *note + opening->authorization.size + opening->origin.size);
    if (!conn || !note) {
        free(conn);
        free(note);
        return MCP_AUTH_E_NOMEM;
    }
    *note = (struct opening){.note = {.run = opening_run, .urgent = true},
                             .conn = conn,
                             .kind = opening->kind};
    at = note->text;
    note->authorization = keep(&at, opening->authorization); /* first: it is wiped */
    note->origin = keep(&at, opening->origin);
    loop_ref(loop);
    atomic_fetch_add(&front->count, 1);
    *ret = conn;
    mailbox_put(&front->core.mailbox, &note->note);
    return 0;
}

/* ---- What its client says. ---- */

enum input_kind { INPUT_TEXT, INPUT_BINARY, INPUT_TOO_BIG };

struct input {
    struct note note; /* first */
    struct front_conn *conn;
    enum input_kind kind;
    size_t size;
    char text[];
};

/* Little enough for a host that waits to go on. */
static bool input_is_low(const struct front_conn *conn)
{
    return atomic_load(&conn->input_messages) <= FRONT_INPUT_MESSAGES / 2 &&
           atomic_load(&conn->input_bytes) <= FRONT_INPUT_BYTES / 2;
}

static void room_taken(struct note *note, void *context)
{
    struct front_conn *conn = container_of(note, struct front_conn, room_note);

    conn->room_due = false;
    loop_take_item(context, conn, FRONT_ROOM);
}

static void input_leaves(struct front_conn *conn, const struct input *input)
{
    atomic_fetch_sub(&conn->input_messages, 1);
    atomic_fetch_sub(&conn->input_bytes, input->size);
    if (!atomic_load(&conn->wants_room) || !input_is_low(conn) ||
        !atomic_exchange(&conn->wants_room, false) || conn->loop->closed)
        return;
    conn->room_note.run = room_taken;
    loop_post(conn->loop, &conn->room_note);
}

static void take_input(struct front_conn *conn, const struct input *input)
{
    if (conn->stage != CONN_SERVED || !conn->session)
        return;
    if (input->kind == INPUT_TOO_BIG || input->size > session_message_size_max(conn->session))
        front_conn_close(conn, CODE_TOO_BIG, BYTES("the message is over its limit"),
                         CLOSE_LINGER_MS);
    else if (input->kind == INPUT_BINARY)
        session_receive_binary(conn->session);
    else
        session_receive(conn->session, (struct bytes){input->text, input->size});
    if (conn->admitted && conn->session && session_signed_in(conn->session))
        front_conn_leave_admission(conn);
}

static void input_run(struct note *note, void *context)
{
    struct input *input = container_of(note, struct input, note);

    (void)context;
    take_input(input->conn, input);
    input_leaves(input->conn, input);
    explicit_bzero(input->text, input->size); /* a token may be in it */
    free(input);
}

/* False: the host has to wait for FRONT_ROOM. Sequentially consistent on both sides: we say that we
 * wait and then look at what is there; the core takes away and then asks whether somebody waits. */
static bool has_room(struct front_conn *conn, size_t size)
{
    unsigned messages = atomic_load(&conn->input_messages);

    if (conn->room_due)
        return false;
    if (messages == 0 || (messages < FRONT_INPUT_MESSAGES &&
                          atomic_load(&conn->input_bytes) + size <= FRONT_INPUT_BYTES))
        return true;
    conn->room_due = true;
    atomic_store(&conn->wants_room, true);
    if (input_is_low(conn) && atomic_exchange(&conn->wants_room, false))
        conn->room_due = false;
    return !conn->room_due;
}

static int receive(struct front_conn *conn, enum input_kind kind, struct bytes text)
{
    struct front *front = conn->loop->front;
    struct input *input;

    assert(!conn->done);
    if (atomic_load(&front->stopping))
        return MCP_AUTH_E_STOPPING;
    if (!has_room(conn, text.size))
        return MCP_AUTH_E_FULL;
    input = malloc(sizeof *input + text.size);
    if (!input)
        return MCP_AUTH_E_NOMEM;
    *input = (struct input){.note = {.run = input_run, .urgent = true},
                            .conn = conn,
                            .kind = kind,
                            .size = text.size};
    if (text.size > 0)
        memcpy(input->text, text.data, text.size);
    atomic_fetch_add(&conn->input_messages, 1);
    atomic_fetch_add(&conn->input_bytes, text.size);
    mailbox_put(&front->core.mailbox, &input->note);
    return 0;
}

int front_receive(struct front_conn *conn, struct bytes text)
{
    if (text.size > MESSAGE_FROM_CLIENT_SIZE_MAX)
        return receive(conn, INPUT_TOO_BIG, BYTES(""));
    return receive(conn, INPUT_TEXT, text);
}

int front_receive_binary(struct front_conn *conn)
{
    return receive(conn, INPUT_BINARY, BYTES(""));
}

/* ---- What was sent to it, and its end. ---- */

static void credit_run(struct note *note, void *context)
{
    struct front_conn *conn = container_of(note, struct front_conn, credit_note);

    (void)context;
    if (conn->stage == CONN_SERVED || conn->stage == CONN_CLOSING)
        front_conn_wants_flush(conn);
}

void front_sent(struct front_conn *conn, size_t messages, size_t bytes)
{
    assert(!conn->done);
    atomic_fetch_add(&conn->sent_messages, messages);
    atomic_fetch_add(&conn->sent_bytes, bytes);
    if (!atomic_load(&conn->starved) || !atomic_exchange(&conn->starved, false))
        return;
    conn->credit_note = (struct note){.run = credit_run, .urgent = true};
    mailbox_put(&conn->loop->front->core.mailbox, &conn->credit_note);
}

static void gone_taken(struct note *note, void *context)
{
    (void)context;
    free(container_of(note, struct front_conn, gone_note));
}

static void disconnect_run(struct note *note, void *context)
{
    struct front_conn *conn = container_of(note, struct front_conn, disconnect_note);
    struct front_loop *loop = conn->loop;

    (void)context;
    front_conn_end(conn);
    list_unlink(&conn->in_loop);
    front_counts_one_less(loop->front);
    /* Behind everything else that the loop is told of it; or nothing is told any more. */
    conn->gone_note.run = gone_taken;
    if (loop->closed)
        gone_taken(&conn->gone_note, NULL);
    else
        loop_post(loop, &conn->gone_note);
    loop_unref(loop);
}

void front_disconnect(struct front_conn *conn)
{
    assert(!conn->done);
    conn->done = true;
    conn->disconnect_note = (struct note){.run = disconnect_run, .urgent = true};
    mailbox_put(&conn->loop->front->core.mailbox, &conn->disconnect_note);
}
