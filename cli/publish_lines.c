/* SPDX-License-Identifier: Apache-2.0 */
/* publish_lines.c: reads events from standard input and sends them in batches as they come. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "publish.h"

/* A batch that the server takes with room to spare (1,000 events and 4 MiB). */
#define BATCH_EVENTS 500u
#define BATCH_SIZE (2u * 1024u * 1024u)
#define LINE_SIZE_MAX (80u * 1024u) /* an event is at most 64 KiB; the server says so better */

struct lines {
    struct strbuf read;  /* what is not yet a whole line */
    struct strbuf batch; /* events, one a line */
    unsigned long long number, numbers[BATCH_EVENTS];
    unsigned count;
    bool ended;
};

static int flush(struct publisher *publisher, struct lines *lines)
{
    int status;

    if (lines->count == 0)
        return STATUS_OK;
    publisher->lines = lines->numbers;
    status = publisher_send(publisher, "application/x-ndjson", strbuf_bytes(&lines->batch),
                            lines->count);
    publisher->lines = NULL;
    lines->count = 0;
    strbuf_reset(&lines->batch);
    return status;
}

static int take_line(struct publisher *publisher, struct lines *lines, struct bytes line)
{
    int status = STATUS_OK;

    lines->number++;
    while (line.size && strchr(" \t\r", line.data[0]))
        line.data++, line.size--;
    while (line.size && strchr(" \t\r", line.data[line.size - 1]))
        line.size--;
    if (line.size == 0)
        return STATUS_OK;
    if (line.size > LINE_SIZE_MAX) {
        status = flush(publisher, lines); /* what came before it is good */
        if (status != STATUS_OK)
            return status;
        say_error("publish", "line %llu is larger than any event (64 KiB)", lines->number);
        return STATUS_FAILURE;
    }
    if (lines->count == BATCH_EVENTS || lines->batch.size + line.size + 64 > BATCH_SIZE)
        status = flush(publisher, lines);
    if (status != STATUS_OK)
        return status;
    publish_put_event(&lines->batch, line);
    strbuf_putc(&lines->batch, '\n');
    if (lines->batch.error) {
        say_error("publish", "%s", mcp_auth_strerror(lines->batch.error));
        return STATUS_FAILURE;
    }
    lines->numbers[lines->count++] = lines->number;
    return STATUS_OK;
}

static int take_whole_lines(struct publisher *publisher, struct lines *lines)
{
    struct bytes rest = strbuf_bytes(&lines->read);
    int status = STATUS_OK;

    while (status == STATUS_OK && rest.size) {
        const char *end = memchr(rest.data, '\n', rest.size);
        size_t size = end ? (size_t)(end - rest.data) : rest.size;

        if (!end && !lines->ended && size <= LINE_SIZE_MAX)
            break;
        status = take_line(publisher, lines, (struct bytes){rest.data, size});
        rest.data += end ? size + 1 : size;
        rest.size -= end ? size + 1 : size;
    }
    strbuf_drop_front(&lines->read, lines->read.size - rest.size);
    return status;
}

/* Nothing waits to be read: then what is here is sent, so that a slow source is not held back. */
static bool is_idle(void)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};

    return poll(&input, 1, 0) == 0;
}

static int pump(struct publisher *publisher, struct lines *lines)
{
    int status = STATUS_OK;

    while (status == STATUS_OK && !lines->ended) {
        char *room = strbuf_reserve(&lines->read, LINE_SIZE_MAX);
        ssize_t size;

        if (!room) {
            say_error("publish", "%s", mcp_auth_strerror(lines->read.error));
            return STATUS_FAILURE;
        }
        do
            size = read(STDIN_FILENO, room, LINE_SIZE_MAX);
        while (size < 0 && errno == EINTR);
        if (size < 0) {
            say_error("publish", "standard input: %s", strerror(errno));
            return STATUS_FAILURE;
        }
        lines->ended = size == 0;
        strbuf_added(&lines->read, (size_t)size);
        status = take_whole_lines(publisher, lines);
        if (status == STATUS_OK && (lines->ended || is_idle()))
            status = flush(publisher, lines);
    }
    return status;
}

int publish_lines(struct publisher *publisher)
{
    static struct lines lines;
    int status;

    lines = (struct lines){0};
    strbuf_init(&lines.read, 4 * (size_t)LINE_SIZE_MAX);
    strbuf_init(&lines.batch, 2 * (size_t)BATCH_SIZE);
    status = pump(publisher, &lines);
    strbuf_done(&lines.read);
    strbuf_done(&lines.batch);
    return status;
}
