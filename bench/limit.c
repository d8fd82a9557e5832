/* SPDX-License-Identifier: Apache-2.0 */
/* limit.c: the least a server can do for the same bytes: accept, upgrade, and a loop of send(). */

/* Usage: limit PORT
 *
 * GET of any path is upgraded (RFC 6455) and becomes a receiver; "/control" becomes the one that
 * gives orders, each a text message:
 *   all K TEXT    K frames with TEXT to every receiver, in one send() each
 *   mix K TEXT    to receiver i as many frames as pattern_mix(i) has bits, in one send() each
 *   one N TEXT    N times one frame to one receiver, in the order of pattern_next
 * It knows no users, checks no input, keeps nothing: what a server adds to this is its price. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "pattern.h"

#define DESCRIPTORS_MAX 20000
#define REQUEST_MAX 16384u
#define ORDER_MAX (128u * 1024u)
#define EVENTS_PER_TURN 512

struct receiver {
    int fd;
    size_t sent, size; /* of the run it is getting; sent < size: the rest waits for room */
};

static struct receiver receivers[DESCRIPTORS_MAX];
static uint32_t receiver_count;
static int32_t place[DESCRIPTORS_MAX]; /* by descriptor: where in receivers, or one of these */
enum { NEW = -1, CONTROL = -2 };

static int poll_fd, control_fd = -1;
static uint8_t order[ORDER_MAX];
static size_t order_size;
static uint8_t *run; /* the frames on their way */
static size_t frame_size;
static EVP_MD_CTX *digest;
static EVP_MD *sha1;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void watch(int fd, uint32_t events, int how)
{
    struct epoll_event event = {.events = events, .data.fd = fd};

    if (epoll_ctl(poll_fd, how, fd, &event) < 0)
        die("epoll_ctl");
}

static void drop(int fd)
{
    int32_t at = place[fd];

    if (at >= 0) { /* the last one moves into the gap */
        receivers[at] = receivers[--receiver_count];
        if ((uint32_t)at < receiver_count)
            place[receivers[at].fd] = at;
    } else if (fd == control_fd) {
        control_fd = -1;
    }
    close(fd);
}

static void accept_all(int listener)
{
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (fd >= DESCRIPTORS_MAX) {
            close(fd);
            continue;
        }
        place[fd] = NEW;
        watch(fd, EPOLLIN, EPOLL_CTL_ADD);
    }
}

/* RFC 6455 section 4.2.2: the base64 of the SHA-1 of the key and this text. */
static int accept_key(const char *key, size_t key_size, uint8_t ret[static 29])
{
    static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    uint8_t sum[EVP_MAX_MD_SIZE];

    if (!EVP_DigestInit_ex2(digest, sha1, NULL) || !EVP_DigestUpdate(digest, key, key_size) ||
        !EVP_DigestUpdate(digest, magic, sizeof magic - 1) ||
        !EVP_DigestFinal_ex(digest, sum, NULL))
        return -1;
    return EVP_EncodeBlock(ret, sum, 20) == 28 ? 0 : -1;
}

static void upgrade(int fd)
{
    static const char name[] = "Sec-WebSocket-Key: ";
    char request[REQUEST_MAX + 1], answer[256];
    uint8_t key[29];
    ssize_t got = recv(fd, request, REQUEST_MAX, 0);
    const char *at;
    int size;

    if (got <= 0) {
        drop(fd);
        return;
    }
    request[got] = '\0';
    /* Our client sends a request in one piece: one that is not whole is not ours. */
    at = strstr(request, name);
    if (!at || memcmp(request + got - 4, "\r\n\r\n", 4) != 0 ||
        accept_key(at + sizeof name - 1, 24, key) < 0) {
        drop(fd);
        return;
    }
    size = snprintf(answer, sizeof answer,
                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                    "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                    (const char *)key);
    if (send(fd, answer, (size_t)size, MSG_NOSIGNAL) != size) {
        drop(fd);
        return;
    }
    if (strncmp(request, "GET /control ", 13) == 0) {
        control_fd = fd;
        place[fd] = CONTROL;
        return;
    }
    place[fd] = (int32_t)receiver_count;
    receivers[receiver_count++] = (struct receiver){.fd = fd};
}

/* One contiguous run of `count` frames, RFC 6455 section 5.2, unmasked. */
static void compose(unsigned count, const uint8_t *text, size_t size)
{
    uint8_t head[4] = {0x81, (uint8_t)size};
    size_t head_size = 2;

    if (size > 65535)
        die("a frame this long is not written here");
    if (size > 125) {
        head[1] = 126;
        head[2] = (uint8_t)(size >> 8);
        head[3] = (uint8_t)size;
        head_size = 4;
    }
    frame_size = head_size + size;
    free(run);
    run = malloc(count * frame_size);
    if (!run)
        die("malloc");
    for (unsigned i = 0; i < count; i++) {
        memcpy(run + i * frame_size, head, head_size);
        memcpy(run + i * frame_size + head_size, text, size);
    }
}

/* What did not fit is sent when there is room. Nothing is kept for a receiver that still has to
 * get the run before: its frames are lost, and the client says so. */
static void give(struct receiver *r, size_t size)
{
    ssize_t sent;

    if (r->sent < r->size)
        return;
    sent = send(r->fd, run, size, MSG_NOSIGNAL);
    if (sent == (ssize_t)size)
        return;
    if (sent < 0 && errno != EAGAIN)
        return; /* it is gone; reading tells */
    r->sent = sent > 0 ? (size_t)sent : 0;
    r->size = size;
    watch(r->fd, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
}

static void give_rest(struct receiver *r)
{
    ssize_t sent = send(r->fd, run + r->sent, r->size - r->sent, MSG_NOSIGNAL);

    if (sent < 0)
        return;
    r->sent += (size_t)sent;
    if (r->sent == r->size) {
        r->sent = r->size = 0;
        watch(r->fd, EPOLLIN, EPOLL_CTL_MOD);
    }
}

static void obey(uint8_t *text, size_t size)
{
    uint8_t *end = text + size, *body;
    unsigned count;
    char *after;
    uint32_t at = 0;

    if (size < 7 || text[3] != ' ')
        die("an order that is none");
    *end = '\0'; /* there is room: control() leaves it */
    count = (unsigned)strtoul((char *)text + 4, &after, 10);
    body = (uint8_t *)after + 1;
    if (*after != ' ' || body > end)
        die("an order without a text");
    if (memcmp(text, "all", 3) == 0) {
        compose(count, body, (size_t)(end - body));
        for (uint32_t i = 0; i < receiver_count; i++)
            give(&receivers[i], count * frame_size);
    } else if (memcmp(text, "mix", 3) == 0) {
        compose(64, body, (size_t)(end - body));
        for (uint32_t i = 0; i < receiver_count; i++)
            give(&receivers[i], (size_t)__builtin_popcountll(pattern_mix(i)) * frame_size);
    } else if (receiver_count > 0) {
        compose(1, body, (size_t)(end - body));
        for (unsigned i = 0; i < count; i++) {
            at = pattern_next(at, receiver_count);
            give(&receivers[at], frame_size);
        }
    }
}

/* The first order in what was gathered, RFC 6455 section 5.2, or 0 when it is not whole: masked,
 * and shorter than 64 KiB. */
static size_t take_order(void)
{
    size_t head = 6, size = order[1] & 127u;
    uint8_t kept;

    if (order_size < 14)
        return 0;
    if (size == 126) {
        size = (size_t)order[2] << 8 | order[3];
        head = 8;
    }
    if (order_size < head + size)
        return 0;
    for (size_t i = 0; i < size; i++)
        order[head + i] ^= order[head - 4 + (i & 3)];
    kept = order[head + size]; /* obey ends the text here, where the next one may begin */
    obey(order + head, size);
    order[head + size] = kept;
    return head + size;
}

static void control(int fd)
{
    ssize_t got = recv(fd, order + order_size, sizeof order - 1 - order_size, 0);
    size_t used;

    if (got <= 0) {
        drop(fd);
        return;
    }
    order_size += (size_t)got;
    while ((used = take_order()) > 0) {
        order_size -= used;
        memmove(order, order + used, order_size);
    }
}

static void serve(int fd, uint32_t events)
{
    uint8_t ignored[16384];

    if (place[fd] == NEW) {
        upgrade(fd);
    } else if (place[fd] == CONTROL) {
        control(fd);
    } else {
        if (events & EPOLLOUT)
            give_rest(&receivers[place[fd]]);
        if ((events & ~(uint32_t)EPOLLOUT) && recv(fd, ignored, sizeof ignored, 0) <= 0)
            drop(fd);
    }
}

static int listen_at(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

    address.sin_addr.s_addr = htonl(INADDR_ANY);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 || /* inherited */
        bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 4096) < 0)
        die("listen");
    return fd;
}

int main(int count, char **words)
{
    struct epoll_event events[EVENTS_PER_TURN];
    struct rlimit files = {DESCRIPTORS_MAX, DESCRIPTORS_MAX};
    int listener;

    if (count != 2) {
        fprintf(stderr, "usage: limit PORT\n");
        return 2;
    }
    (void)setrlimit(RLIMIT_NOFILE, &files);
    digest = EVP_MD_CTX_new();
    sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (!digest || !sha1 || poll_fd < 0)
        die("limit");
    listener = listen_at((int)strtol(words[1], NULL, 10));
    watch(listener, EPOLLIN, EPOLL_CTL_ADD);
    for (;;) {
        int ready = epoll_wait(poll_fd, events, EVENTS_PER_TURN, -1);

        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == listener)
                accept_all(listener);
            else
                serve(events[i].data.fd, events[i].events);
        }
    }
}
