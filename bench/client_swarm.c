/* SPDX-License-Identifier: Apache-2.0 */
/* client_swarm.c: the receivers: many WebSocket clients that read into one buffer and count. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "client_parts.h"

#define READ_SIZE (256u * 1024u)
#define EVENTS_PER_TURN 512
#define PUBLISHER 0x80000000u /* in an epoll event: this is a publisher's number */
/* Ports run out at 28,000 an address: receivers come from several of 127.0.0.0/8. */
#define PER_ADDRESS 8000u

/* ANSWER: the 101 is not whole yet. HELLO: frames that answer the first message are. */
enum state { GONE, ANSWER, HELLO, OPEN };

struct receiver {
    int fd;
    enum state state;
    uint32_t frames, want;
    uint64_t left;               /* of the payload under way */
    uint8_t head[14], head_size; /* of a frame head that came in pieces */
    uint8_t opcode, matched;     /* how much of CR LF CR LF was seen */
};

static struct receiver receivers[CONNECTIONS_MAX];
static unsigned receiver_count, open_count, gone_count;
static uint64_t frames, frame_bytes;
static int poll_fd;
static uint8_t buffer[READ_SIZE];
static uint64_t read_at_ns;
static size_t time_offset; /* where the time stood in the payload of the last frame */

void swarm_init(void)
{
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (poll_fd < 0)
        die("epoll_create1: %s", strerror(errno));
}

static void watch(int fd, uint32_t number)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = number};

    if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        die("epoll_ctl: %s", strerror(errno));
}

void swarm_watch_publisher(int fd, unsigned number)
{
    watch(fd, PUBLISHER | number);
}

void send_all(int fd, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;

    while (size > 0) {
        ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);

        if (sent < 0)
            die("the server closed a connection: %s", strerror(errno));
        at += sent;
        size -= (size_t)sent;
    }
}

/* RFC 6455 section 5.2, with the masking key 0: the bytes stay as they are. */
size_t masked_text(uint8_t *ret, const char *text, size_t size)
{
    size_t head = 2;

    ret[0] = 0x81;
    if (size < 126) {
        ret[1] = (uint8_t)(0x80 | size);
    } else if (size < 65536) {
        ret[1] = 0x80 | 126;
        ret[2] = (uint8_t)(size >> 8);
        ret[3] = (uint8_t)size;
        head = 4;
    } else {
        ret[1] = 0x80 | 127;
        for (int i = 0; i < 8; i++)
            ret[2 + i] = (uint8_t)((uint64_t)size >> (56 - 8 * i));
        head = 10;
    }
    memset(ret + head, 0, 4);
    memcpy(ret + head + 4, text, size);
    return head + 4 + size;
}

/* A blocking connect on loopback is done when it returns: the listener's queue takes it. */
int swarm_dial(const char *path, const char *protocol, const char *token, unsigned source)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)plan.port)};
    char request[8192];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1, size;
    struct linger reset = {.l_onoff = 1}; /* no port is left in TIME_WAIT */

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + source / PER_ADDRESS);
    if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
        bind(fd, (struct sockaddr *)&from, sizeof from) < 0 ||
        connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
        die("cannot connect to port %d: %s", plan.port, strerror(errno));
    size = snprintf(request, sizeof request,
                    "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
                    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s%s%s%s%s%s\r\n",
                    path, plan.port, protocol ? "Sec-WebSocket-Protocol: " : "",
                    protocol ? protocol : "", protocol ? "\r\n" : "",
                    token ? "Authorization: Bearer " : "", token ? token : "", token ? "\r\n" : "");
    if (size < 0 || size >= (int)sizeof request)
        die("a handshake of %d bytes", size);
    send_all(fd, request, (size_t)size);
    return fd;
}

static void gone(struct receiver *r)
{
    open_count -= r->state == OPEN;
    gone_count++;
    r->state = GONE;
    close(r->fd);
}

static void say_hello(struct receiver *r)
{
    static char text[8192], message[8192 + 14];
    const char *token = token_of((unsigned)(r - receivers));
    const char *at = strstr(plan.hello, "{token}");
    int size = at ? snprintf(text, sizeof text, "%.*s%s%s", (int)(at - plan.hello), plan.hello,
                             token ? token : "", at + 7)
                  : snprintf(text, sizeof text, "%s", plan.hello);

    if (size < 0 || size >= (int)sizeof text)
        die("a first message of %d bytes", size);
    send_all(r->fd, message, masked_text((uint8_t *)message, text, (size_t)size));
}

static void becomes_open(struct receiver *r)
{
    r->state = OPEN;
    r->frames = 0;
    open_count++;
}

/* Takes the 101 up to its empty line; how many bytes that were. */
static size_t take_answer(struct receiver *r, const uint8_t *bytes, size_t size)
{
    static const char end[] = "\r\n\r\n", status[] = "HTTP/1.1 101";
    size_t i;

    if (r->matched == 0 && memcmp(bytes, status, size < 12 ? size : 12) != 0)
        die("a receiver was not let in: %.*s", (int)(size < 300 ? size : 300), (const char *)bytes);
    for (i = 0; i < size && r->matched < 4; i++)
        r->matched = bytes[i] == end[r->matched] ? r->matched + 1 : bytes[i] == '\r';
    if (r->matched < 4)
        return i;
    if (plan.hello)
        say_hello(r);
    if (plan.hello && plan.hello_frames > 0)
        r->state = HELLO;
    else
        becomes_open(r);
    return i;
}

/* The time stands as `"t":"<19 digits>"`; a payload cut in two is left out of the sample. */
static void take_time(const uint8_t *payload, size_t size)
{
    static const char mark[] = "\"t\":\"";
    const uint8_t *at = payload + time_offset;
    uint64_t ns = 0;

    if (time_offset + 5 + TIME_DIGITS > size || memcmp(at, mark, 5) != 0) {
        at = memmem(payload, size, mark, 5);
        if (!at || (size_t)(at - payload) + 5 + TIME_DIGITS > size)
            return;
        time_offset = (size_t)(at - payload);
    }
    for (int i = 0; i < TIME_DIGITS; i++)
        ns = ns * 10 + (uint64_t)(at[5 + i] - '0');
    latency_add(read_at_ns - ns);
}

/* A server that asks for a sign of life gets one. `payload` is what of it is in the buffer. */
static void answer_ping(struct receiver *r, const uint8_t *payload, size_t size)
{
    uint8_t pong[6 + 125] = {0x8a, (uint8_t)(0x80 | size)};

    memcpy(pong + 6, payload, size);
    send_all(r->fd, pong, 6 + size);
}

/* The head in r->head is whole, `payload` and `size` are what follows it in the buffer. */
static void frame_begins(struct receiver *r, const uint8_t *payload, size_t size)
{
    r->left = r->head[1] & 127u;
    if (r->left == 126)
        r->left = (uint64_t)r->head[2] << 8 | r->head[3];
    else if (r->left == 127)
        for (int i = r->left = 0; i < 8; i++)
            r->left = r->left << 8 | r->head[2 + i];
    r->opcode = r->head[0] & 15u;
    if (r->opcode <= 2) {
        if (r->state == HELLO) {
            if (++r->frames == plan.hello_frames)
                becomes_open(r);
        } else {
            r->frames++;
            frames++;
            frame_bytes += r->head_size + r->left;
            if (plan.latency)
                take_time(payload, r->left < size ? (size_t)r->left : size);
        }
    } else if (r->opcode == 9 && r->left <= size) {
        answer_ping(r, payload, (size_t)r->left);
    }
    r->head_size = 0;
}

static void take_frames(struct receiver *r, const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        size_t needed;

        if (r->left > 0) {
            size_t step = r->left < (uint64_t)(end - at) ? (size_t)r->left : (size_t)(end - at);

            r->left -= step;
            at += step;
            continue;
        }
        r->head[r->head_size++] = *at++;
        if (r->head_size < 2)
            continue;
        needed = r->head[1] < 126 ? 2 : r->head[1] == 126 ? 4 : 10;
        while (r->head_size < needed && at < end)
            r->head[r->head_size++] = *at++;
        if (r->head_size == needed)
            frame_begins(r, at, (size_t)(end - at));
    }
}

static void read_from(struct receiver *r)
{
    ssize_t got = recv(r->fd, buffer, sizeof buffer, MSG_DONTWAIT);
    size_t used = 0;

    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        gone(r);
        return;
    }
    if (plan.latency)
        read_at_ns = now_ns();
    if (r->state == ANSWER)
        used = take_answer(r, buffer, (size_t)got);
    take_frames(r, buffer + used, buffer + got);
}

/* Asleep in epoll_wait, the client would be woken by each of the server's sends, and that costs
 * the server as much as the send: on a real network the receiver is not on its machine. So it looks,
 * and when there is nothing, it sleeps where no send can wake it. */
static int wait_for(struct epoll_event *events, int timeout_ms)
{
    struct timespec nap = {.tv_nsec = (long)plan.nap_us * 1000};
    int ready = epoll_wait(poll_fd, events, EVENTS_PER_TURN, plan.nap_us > 0 ? 0 : timeout_ms);

    if (ready == 0 && plan.nap_us > 0 && timeout_ms > 0)
        nanosleep(&nap, NULL);
    return ready;
}

void swarm_turn(int timeout_ms)
{
    struct epoll_event events[EVENTS_PER_TURN];
    int ready = wait_for(events, timeout_ms);

    for (int i = 0; i < ready; i++) {
        uint32_t number = events[i].data.u32;

        if (number & PUBLISHER)
            publish_readable(number & ~PUBLISHER);
        else if (receivers[number].state != GONE)
            read_from(&receivers[number]);
    }
}

static void dial_some(unsigned count)
{
    while (receiver_count < count && receiver_count - open_count < plan.connecting) {
        unsigned number = receiver_count++;

        receivers[number] = (struct receiver){.state = ANSWER};
        receivers[number].fd =
            swarm_dial(plan.path, plan.protocol, plan.bearer ? token_of(number) : NULL, number);
        watch(receivers[number].fd, number);
    }
}

static void tell_servers(int signal)
{
    for (unsigned i = 0; i < plan.pid_count; i++)
        if (kill(plan.pids[i], signal) < 0)
            die("no process %d to signal", (int)plan.pids[i]);
}

/* Connecting costs the client more than the server, which would then wait for each, and be paid
 * for waiting. In bursts it stands still until the next ones are in its queue with their requests,
 * and has no pause until all are served. */
bool swarm_connect(unsigned count)
{
    uint64_t last = now_ns() + (uint64_t)plan.timeout_ms * 1000000u;

    while (open_count < count && gone_count == 0 && now_ns() < last) {
        if (!plan.burst) {
            dial_some(count);
        } else if (open_count == receiver_count) {
            tell_servers(SIGSTOP);
            dial_some(count);
            tell_servers(SIGCONT);
        }
        swarm_turn(10);
    }
    return open_count == count;
}

void swarm_disconnect(void)
{
    for (unsigned i = 0; i < receiver_count; i++)
        if (receivers[i].state != GONE)
            close(receivers[i].fd);
    receiver_count = open_count = gone_count = 0;
}

void swarm_begin(void)
{
    frames = frame_bytes = 0;
    for (unsigned i = 0; i < receiver_count; i++)
        receivers[i].frames = receivers[i].want = 0;
}

void swarm_want(unsigned receiver, uint32_t count)
{
    receivers[receiver].want += count;
}

uint64_t swarm_wanted(void)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < receiver_count; i++)
        sum += receivers[i].want;
    return sum;
}

unsigned swarm_count(void)
{
    return receiver_count;
}

struct totals swarm_totals(void)
{
    struct totals t = {.frames = frames, .bytes = frame_bytes, .open = open_count};

    t.closed = gone_count;
    for (unsigned i = 0; i < receiver_count; i++)
        t.unlike += receivers[i].frames != receivers[i].want || receivers[i].left > 0;
    return t;
}

uint64_t swarm_frames(void)
{
    return frames;
}
