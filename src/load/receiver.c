/* SPDX-License-Identifier: Apache-2.0 */
/* receiver.c: one connection that receives: comes in, reads, ends. It owns no buffer. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "codec/json.h"
#include "io/socket_connect.h"
#include "load/load_private.h"
#include "mcp_auth/error.h"

unsigned receiver_index(const struct receiver *receiver)
{
    return (unsigned)(receiver - receiver->load->receivers);
}

static void close_socket(struct receiver *receiver)
{
    loop_unwatch(&receiver->load->loop, &receiver->watch);
    if (receiver->stream.kind)
        stream_close(&receiver->stream);
    ws_reader_done(&receiver->reader);
    joining_free(receiver);
}

/* What came for it so far was delivered, what else was published was not, and nothing more is
 * expected. */
static void settle_account(struct receiver *receiver)
{
    struct load *load = receiver->load;
    struct tally_account account =
        tally_account(&load->tally, receiver_index(receiver), receiver->audience);

    load->tally.audience[receiver->audience].live--;
    load->in--;
    if (load->result.phase >= LOAD_LEAVING)
        return; /* the accounts are closed */
    load->result.cut_off += account.missing;
    load->result.expected += account.expected - account.missing;
}

static void keep_first(struct load_result *result, unsigned code, struct bytes why)
{
    char number[16] = "";

    if (code)
        snprintf(number, sizeof number, "%u ", code);
    snprintf(result->first_failure, sizeof result->first_failure, "%s%.*s", number,
             (int)(why.size < 400 ? why.size : 400), why.size ? why.data : "");
}

void receiver_end(struct receiver *receiver, unsigned code, struct bytes why)
{
    struct load *load = receiver->load;
    struct load_result *result = &load->result;

    if (receiver->state == RECEIVER_ENDED)
        return;
    if (receiver->state == RECEIVER_IN) {
        settle_account(receiver);
        if (result->phase < LOAD_LEAVING) {
            result->ended_early++;
            load_codes_add(&result->ended_by, code);
        }
    } else if (result->phase < LOAD_LEAVING) {
        if (result->failed++ == 0)
            keep_first(result, code, why);
        load_codes_add(&result->failed_by, code);
    }
    close_socket(receiver);
    receiver->state = RECEIVER_ENDED;
}

static void fail_system(struct receiver *receiver, const char *what)
{
    char why[160];

    snprintf(why, sizeof why, "%s: %s", what, strerrordesc_np(errno));
    receiver_end(receiver, 0, bytes_of(why));
}

static void flush(struct receiver *receiver)
{
    struct joining *joining = receiver->joining;
    ssize_t n = 0;

    while (joining->out_at < joining->out.size) {
        n = stream_write(&receiver->stream, joining->out.data + joining->out_at,
                         joining->out.size - joining->out_at);
        if (n < 0)
            break;
        joining->out_at += (size_t)n;
    }
    /* When the server has gone, its last words may still be there to read. */
    loop_change(&receiver->load->loop, &receiver->watch,
                n == STREAM_WOULD_BLOCK ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

/* A whole client frame, masked (RFC 6455 section 5.3). */
static void put_frame(struct strbuf *out, enum ws_opcode opcode, struct bytes payload)
{
    uint8_t header[WS_HEADER_MAX], mask[4];
    size_t size;
    char *place;

    random_kernel.fill(random_kernel.owner, mask, sizeof mask);
    size = ws_frame_write_client_header(header, opcode, payload.size, mask);
    strbuf_put(out, header, size);
    place = strbuf_reserve(out, payload.size);
    if (!place)
        return;
    if (payload.size)
        memcpy(place, payload.data, payload.size);
    ws_frame_unmask(place, payload.size, mask, 0);
    strbuf_added(out, payload.size);
}

/* Pongs and closes: a few bytes into a socket that is otherwise never written to. False when they
 * do not fit whole: the server has long stopped reading, and half a frame cannot be taken back. */
static bool send_now(struct receiver *receiver, enum ws_opcode opcode, struct bytes payload)
{
    struct strbuf frame;
    ssize_t n;

    strbuf_init(&frame, WS_HEADER_MAX + WS_CONTROL_PAYLOAD_MAX);
    put_frame(&frame, opcode, payload);
    n = frame.error ? frame.error
                    : stream_write(&receiver->stream, strbuf_bytes(&frame).data, frame.size);
    if (n != (ssize_t)frame.size)
        n = -1;
    strbuf_done(&frame);
    return n > 0;
}

void receiver_in(struct receiver *receiver)
{
    struct load *load = receiver->load;

    assert(receiver->joining && receiver->state != RECEIVER_IN);
    histogram_add(&load->result.sign_in, load->now_ns - receiver->joining->started_ns);
    joining_free(receiver);
    receiver->state = RECEIVER_IN;
    load->tally.audience[receiver->audience].live++;
    load->result.signed_in++;
    load->in++;
}

static void take_handshake(struct receiver *receiver, struct bytes *data)
{
    struct joining *joining = receiver->joining;
    struct upgrade *upgrade = &joining->upgrade;
    char why[96];
    size_t used = data->size;
    enum upgrade_result result = upgrade_feed(upgrade, *data, &used);

    data->data += used;
    data->size -= used;
    if (result == UPGRADE_REFUSED) {
        snprintf(why, sizeof why, "answered the handshake%s",
                 upgrade->status == 401 ? ": the token is not accepted" : "");
        receiver_end(receiver, (unsigned)upgrade->status, bytes_of(why));
    } else if (result == UPGRADE_NO_SERVER) {
        receiver_end(receiver, 0, bytes_of(upgrade->why));
    } else if (result == UPGRADE_DONE) {
        ws_reader_init(&receiver->reader, WS_CLIENT, LOAD_MESSAGE_SIZE_MAX);
        if (upgrade->plain) {
            receiver_in(receiver);
            return;
        }
        receiver->state = RECEIVER_SIGNING_IN;
        strbuf_reset(&joining->out);
        joining->out_at = 0;
        strbuf_put_bytes(&joining->out, strbuf_bytes(&joining->auth));
        flush(receiver);
    }
}

/* A code that stands nowhere on the wire counts as none. */
static void take_close(struct receiver *receiver, const struct ws_output *output)
{
    unsigned code = output->close_code == 1005 ? 0 : output->close_code;
    const char echo[] = {(char)(code >> 8), (char)code};

    /* It is answered with the same (RFC 6455 section 5.5.1), unless it is the answer itself. */
    if (receiver->load->result.phase < LOAD_LEAVING)
        (void)send_now(receiver, WS_CLOSE, (struct bytes){echo, code ? sizeof echo : 0});
    if (code == 0)
        receiver_end(receiver, receiver->closing_code, BYTES("closed by the server"));
    else
        receiver_end(receiver, code, output->payload);
}

static void take_frame(struct receiver *receiver, struct bytes *data)
{
    struct ws_output output;
    size_t used;
    /* The reader may undo a mask in place: the buffer is ours. */
    char *place = receiver->load->in_buffer + (data->data - receiver->load->in_buffer);

    switch (ws_reader_feed(&receiver->reader, place, data->size, &used, &output)) {
    case WS_NEED_MORE:
        data->size = 0;
        return;
    case WS_GOT_MESSAGE:
        if (output.opcode == WS_TEXT)
            receiver_message(receiver, output.payload);
        else
            receiver->load->result.others++;
        break;
    case WS_GOT_PING:
        if (!send_now(receiver, WS_PONG, output.payload))
            receiver_end(receiver, 0, BYTES("the server does not read"));
        break;
    case WS_GOT_PONG:
        break;
    case WS_GOT_CLOSE:
        take_close(receiver, &output);
        break;
    case WS_GOT_ERROR:
        receiver_end(receiver, output.close_code, bytes_of(output.why));
        break;
    }
    data->data += used;
    data->size -= used;
}

static void receive(struct receiver *receiver)
{
    struct load *load = receiver->load;
    ssize_t n = stream_read(&receiver->stream, load->in_buffer, LOAD_READ_SIZE);
    struct bytes data;

    if (n == STREAM_WOULD_BLOCK)
        return;
    load->now_ns = clock_mono_ns();
    if (n < 0) {
        fail_system(receiver, "the connection broke");
        return;
    }
    if (n == 0) {
        receiver_end(receiver, receiver->closing_code, BYTES("the connection ended"));
        return;
    }
    load->result.bytes += (unsigned long long)n;
    data = (struct bytes){load->in_buffer, (size_t)n};
    while (data.size > 0 && receiver->state != RECEIVER_ENDED) {
        if (receiver->state == RECEIVER_UPGRADING)
            take_handshake(receiver, &data);
        else
            take_frame(receiver, &data);
    }
    /* An empty feed lets go of a message that came in pieces (codec/ws_message.h). */
    if (receiver->state >= RECEIVER_SIGNING_IN && receiver->state != RECEIVER_ENDED &&
        receiver->reader.pieces) {
        struct ws_output none;
        size_t used;

        (void)ws_reader_feed(&receiver->reader, load->in_buffer, 0, &used, &none);
    }
}

static void ready(struct watch *watch, uint32_t events)
{
    struct receiver *receiver = container_of(watch, struct receiver, watch);

    if (receiver->state == RECEIVER_CONNECTING) {
        if (socket_connect_result(watch->fd) < 0) {
            fail_system(receiver, "cannot connect");
            return;
        }
        receiver->state = RECEIVER_UPGRADING;
        flush(receiver);
        return;
    }
    if ((events & EPOLLOUT) && receiver->joining)
        flush(receiver);
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        receive(receiver);
}

/* The request, and for a session client the frame that follows the answer. */
static int compose(struct receiver *receiver, const char *token)
{
    struct load *load = receiver->load;
    struct joining *joining = receiver->joining;
    struct strbuf auth;
    int r;

    if (load->plan.plain) {
        upgrade_request_plain(&joining->upgrade, &random_kernel, load->address.authority,
                              load->address.path, token, &joining->out);
        return joining->out.error;
    }
    upgrade_request(&joining->upgrade, &random_kernel, load->address.authority, load->address.path,
                    &joining->out);
    strbuf_init(&auth, LOAD_OUT_SIZE_MAX);
    strbuf_puts(&auth, "{\"type\":\"auth\",\"token\":");
    json_put_string(&auth, bytes_of(token));
    strbuf_putc(&auth, '}');
    put_frame(&joining->auth, WS_TEXT, strbuf_bytes(&auth));
    r = auth.error ? auth.error : joining->auth.error ? joining->auth.error : joining->out.error;
    if (auth.data)
        explicit_bzero(auth.data, auth.size);
    strbuf_done(&auth);
    return r;
}

void receiver_start(struct receiver *receiver)
{
    struct load *load = receiver->load;
    const char *token = NULL;
    int fd, r = load->plan.token(load->plan.owner, receiver->user, &token);

    receiver->watch = (struct watch){.fd = -1};
    if (r == 0)
        r = compose(receiver, token);
    if (r < 0) {
        receiver_end(receiver, 0, bytes_of(mcp_auth_strerror(r)));
        return;
    }
    load->now_ns = receiver->joining->started_ns = clock_mono_ns();
    r = target_connect(load, receiver_index(receiver), &fd);
    if (r < 0) {
        fail_system(receiver, "cannot connect");
        return;
    }
    stream_plain_init(&receiver->stream, fd);
    receiver->watch.fd = fd;
    receiver->state = RECEIVER_CONNECTING;
    if (loop_watch(&load->loop, &receiver->watch, ready, EPOLLOUT) < 0)
        fail_system(receiver, "cannot be watched");
}

void receiver_leave(struct receiver *receiver)
{
    static const char normal[] = {0x03, (char)0xe8}; /* 1000 */

    if (receiver->state == RECEIVER_IN &&
        send_now(receiver, WS_CLOSE, (struct bytes){normal, sizeof normal}))
        return; /* the server closes */
    receiver_end(receiver, 0, BYTES("not waited for"));
}
