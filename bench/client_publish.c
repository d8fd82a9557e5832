/* SPDX-License-Identifier: Apache-2.0 */
/* client_publish.c: the publishing side: orders, HTTP requests with events, or a line to a host. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client_parts.h"
#include "pattern.h"

#define REQUEST_MAX (4u * 1024u * 1024u)
#define ANSWER_MAX (1024u * 1024u)
#define PAD_MAX 60000u

struct publisher {
    int fd;
    unsigned answers_due;
    size_t got; /* of the answer under way */
    char answer[ANSWER_MAX + 1];
};

static struct publisher *publishers;
static unsigned publisher_count;
static unsigned pad;
static uint64_t events_left;
static unsigned batch_size;
static uint32_t target; /* the receiver of the next event, with SPREAD_ONE */
static char failure[400];
static char request[REQUEST_MAX];
static uint8_t order[128 * 1024 + 14];

static int dial(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
        connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
        die("cannot connect to port %d to publish: %s", port, strerror(errno));
    return fd;
}

/* An upgraded connection on /control: read here, before anything else comes on it. */
static int dial_control(void)
{
    int fd = swarm_dial("/control", NULL, NULL, 0);
    char answer[1024];
    size_t got = 0;

    while (got < 4 || memcmp(answer + got - 4, "\r\n\r\n", 4) != 0) {
        ssize_t n = recv(fd, answer + got, sizeof answer - got, 0);

        if (n <= 0)
            die("/control was not upgraded: %.*s", (int)got, answer);
        got += (size_t)n;
    }
    if (memcmp(answer, "HTTP/1.1 101", 12) != 0)
        die("/control was not upgraded: %.*s", (int)got, answer);
    return fd;
}

void publish_open(void)
{
    publisher_count = plan.road == ROAD_HTTP ? plan.publishers : 1;
    publishers = calloc(publisher_count, sizeof *publishers);
    if (!publishers)
        die("no memory");
    for (unsigned i = 0; i < publisher_count; i++) {
        publishers[i].fd = plan.road == ROAD_ORDER  ? dial_control()
                           : plan.road == ROAD_HOST ? dial(plan.control_port)
                                                    : dial(plan.port);
        swarm_watch_publisher(publishers[i].fd, i);
    }
}

void publish_close(void)
{
    for (unsigned i = 0; i < publisher_count; i++)
        close(publishers[i].fd);
    free(publishers);
    publishers = NULL;
    publisher_count = 0;
}

void publish_pad(unsigned bytes)
{
    if (bytes > PAD_MAX)
        die("a frame of this size cannot be padded: %u", bytes);
    pad = bytes;
}

static bool starts(const char *at, const char *word, size_t *ret_size)
{
    *ret_size = strlen(word);
    return strncmp(at, word, *ret_size) == 0;
}

/* The event's text with its places filled in. */
static size_t write_event(char *ret, unsigned index, uint64_t ns)
{
    char *out = ret;
    size_t n;

    for (const char *at = plan.event; *at;) {
        if (*at != '{') {
            *out++ = *at++;
            continue;
        }
        if (starts(at, "{time}", &n)) {
            out += sprintf(out, "%0*llu", TIME_DIGITS, (unsigned long long)ns);
        } else if (starts(at, "{pad}", &n)) {
            memset(out, 'x', pad);
            out += pad;
        } else if (starts(at, "{user}", &n)) {
            char name[16];

            user_name(target, name);
            out += sprintf(out, "%s", name);
        } else if (starts(at, "{index}", &n)) {
            out += sprintf(out, "%02u", index);
        } else {
            *out = *at;
            out += n = 1;
        }
        at += n;
    }
    return (size_t)(out - ret);
}

static size_t write_text(char *ret, const char *text)
{
    size_t size = strlen(text);

    memcpy(ret, text, size);
    return size;
}

/* One request around the body that stands at request + 1024; ret_at tells where it begins. */
static size_t around(size_t body_size, size_t *ret_at)
{
    char head[1024];
    int size =
        snprintf(head, sizeof head,
                 "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s%sContent-Type: %s\r\n"
                 "Content-Length: %zu\r\n\r\n",
                 plan.publish_path, plan.port, plan.publish_header ? plan.publish_header : "",
                 plan.publish_header ? "\r\n" : "", plan.publish_type, body_size);

    if (size < 0 || size >= (int)sizeof head)
        die("a request's head of %d bytes", size);
    *ret_at = 1024 - (size_t)size;
    memcpy(request + *ret_at, head, (size_t)size);
    return (size_t)size + body_size;
}

static void next_target(void)
{
    if (plan.spread != SPREAD_ONE)
        return;
    target = pattern_next(target, swarm_count());
    swarm_want(target, 1);
}

static void post(struct publisher *p, unsigned count)
{
    uint64_t ns = now_ns();
    size_t size = 0, at;

    for (unsigned i = 0; i < count; i++) {
        next_target();
        if (plan.single || i == 0)
            size = write_text(request + 1024, plan.prefix);
        else
            size += write_text(request + 1024 + size, plan.join);
        size += write_event(request + 1024 + size, i, ns);
        if (size > REQUEST_MAX - 2048 - PAD_MAX)
            die("a request too large");
        if (plan.single || i + 1 == count) {
            size += write_text(request + 1024 + size, plan.suffix);
            size = around(size, &at);
            send_all(p->fd, request + at, size);
            p->answers_due++;
        }
    }
}

/* "all K TEXT", "mix K TEXT", "one N TEXT": see limit.c. One order covers all events. */
static void give_order(uint64_t events)
{
    static const char *const words[] = {"all", "mix", "one"};
    static char text[128 * 1024];
    int size = sprintf(text, "%s %llu ", words[plan.spread], (unsigned long long)events);

    for (uint64_t i = 0; i < events; i++)
        next_target();
    size += (int)write_event(text + size, 0, now_ns());
    send_all(publishers[0].fd, order, masked_text(order, text, (size_t)size));
}

static void tell_host(uint64_t events)
{
    int size = sprintf(request, "%llu %u %u\n", (unsigned long long)events, swarm_count(), pad);

    for (uint64_t i = 0; i < events; i++)
        next_target();
    send_all(publishers[0].fd, request, (size_t)size);
}

static void post_next(struct publisher *p)
{
    unsigned count = events_left < batch_size ? (unsigned)events_left : batch_size;

    if (count == 0)
        return;
    events_left -= count;
    post(p, count);
}

void publish_begin(uint64_t events, unsigned batch)
{
    target = 0;
    events_left = 0;
    if (plan.road == ROAD_ORDER) {
        give_order(events);
    } else if (plan.road == ROAD_HOST) {
        tell_host(events);
    } else {
        events_left = events;
        batch_size = batch;
        for (unsigned i = 0; i < publisher_count; i++)
            post_next(&publishers[i]);
    }
}

/* The size of a whole answer, or 0. Its status must be 2xx, and its length be given. */
static size_t whole_answer(struct publisher *p)
{
    const char *end, *length;
    size_t size;

    p->answer[p->got] = '\0';
    end = strstr(p->answer, "\r\n\r\n");
    if (!end)
        return 0;
    length = strcasestr(p->answer, "\r\ncontent-length:");
    if (!length || length > end)
        die("an answer without Content-Length: %.200s", p->answer);
    size = (size_t)(end + 4 - p->answer) + strtoul(length + 17, NULL, 10);
    if (size > ANSWER_MAX)
        die("an answer of %zu bytes", size);
    if (size > p->got)
        return 0;
    if (memcmp(p->answer, "HTTP/1.1 2", 10) != 0 && failure[0] == '\0')
        snprintf(failure, sizeof failure, "%.399s", p->answer);
    return size;
}

void publish_readable(unsigned number)
{
    struct publisher *p = &publishers[number];
    ssize_t got = recv(p->fd, p->answer + p->got, ANSWER_MAX - p->got, MSG_DONTWAIT);
    size_t size;

    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0)
        die("the server closed the publisher's connection");
    if (plan.road != ROAD_HTTP)
        return; /* nothing to be learned from it */
    p->got += (size_t)got;
    while (p->answers_due > 0 && (size = whole_answer(p)) > 0) {
        memmove(p->answer, p->answer + size, p->got - size);
        p->got -= size;
        p->answers_due--;
    }
    if (p->answers_due == 0)
        post_next(p);
}

bool publish_done(void)
{
    if (events_left > 0)
        return false;
    for (unsigned i = 0; i < publisher_count; i++)
        if (publishers[i].answers_due > 0)
            return false;
    return true;
}

const char *publish_failure(void)
{
    return failure[0] ? failure : NULL;
}
