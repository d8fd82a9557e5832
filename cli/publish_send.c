/* SPDX-License-Identifier: Apache-2.0 */
/* publish_send.c: posts events until they are accepted, refused, or the time for it is over. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "publish.h"

#define PAUSE_FIRST_MS 200
#define PAUSE_MAX_MS 5000

void publish_put_event(struct strbuf *out, struct bytes event)
{
    char id[UUID_SIZE];
    struct bytes found, rest;

    if (json_text_find(event, "id", &found) || event.size < 2 || event.data[0] != '{') {
        strbuf_put_bytes(out, event);
        return;
    }
    uuid7(&random_kernel, clock_now().wall_ms, id);
    strbuf_puts(out, "{\"id\":\"");
    strbuf_put(out, id, sizeof id);
    strbuf_putc(out, '"');
    rest = (struct bytes){event.data + 1, event.size - 1};
    while (rest.size && strchr(" \t\r\n", rest.data[0]))
        rest.data++, rest.size--;
    if (rest.size && rest.data[0] != '}')
        strbuf_putc(out, ',');
    strbuf_put_bytes(out, rest);
}

/* Too many, not now, or nobody there: the same again later may do. The events carry ids, so what
 * had arrived after all counts once. */
static bool worth_again(int status)
{
    return status == 0 || status == 429 || status == 503;
}

/* Half to whole of the pause, so that many publishers do not come back together, and never before
 * the server's own time. */
static int64_t jittered(int64_t pause_ms, long retry_after_ms)
{
    uint32_t word;
    int64_t ms;

    random_kernel.fill(random_kernel.owner, &word, sizeof word);
    ms = pause_ms / 2 + (int64_t)(word % (uint32_t)(pause_ms / 2 + 1));
    return retry_after_ms > ms ? retry_after_ms : ms;
}

static void count_answer(struct publisher *publisher, struct bytes body, unsigned events)
{
    struct bytes list, key, item, value;

    publisher->sent += events;
    if (json_text_find(body, "degraded", &value) && bytes_equal(value, BYTES("true")))
        publisher->alone += events;
    if (!json_text_find(body, "events", &list))
        return;
    while (json_text_next(&list, &key, &item)) {
        if (json_text_find(item, "duplicate", &value) && bytes_equal(value, BYTES("true")))
            publisher->duplicates++;
        else
            publisher->accepted++;
    }
}

/* Which line of standard input the refusal of a batch is about. */
static void point_at_line(const struct publisher *publisher, struct bytes body, unsigned events)
{
    struct bytes value;
    long index;

    if (!publisher->lines || !json_text_find(body, "error.details.index", &value))
        return;
    index = strtol(value.data, NULL, 10);
    if (index < 0 || (unsigned long)index >= events)
        return;
    say_error("publish", "it is in line %llu; of lines %llu to %llu none was published",
              publisher->lines[index], publisher->lines[0], publisher->lines[events - 1]);
}

int publisher_send(struct publisher *publisher, const char *content_type, struct bytes body,
                   unsigned events)
{
    int64_t deadline_ms = clock_now().mono_ms + publisher->retry_seconds * 1000;
    int64_t pause_ms = PAUSE_FIRST_MS, wait_ms;
    mcp_auth_http_answer answer;
    bool told = false;
    int r;

    for (;;) {
        answer = (mcp_auth_http_answer){0};
        r = mcp_auth_http_post(publisher->call.http, "/v1/events", content_type, body.data,
                               body.size, &answer);
        if (r < 0 && r != MCP_AUTH_E_IO) {
            say_error("publish", "%s", mcp_auth_strerror(r));
            return STATUS_FAILURE;
        }
        wait_ms = jittered(pause_ms, answer.retry_after_ms);
        if (!worth_again(answer.status) || clock_now().mono_ms + wait_ms > deadline_ms)
            break;
        if (!told && answer.status == 0)
            say_note("no answer from %s (%s); trying again for up to %ld s", publisher->call.url,
                     answer.body, publisher->retry_seconds);
        else if (!told)
            say_note("%s answered %d; trying again for up to %ld s", publisher->call.url,
                     answer.status, publisher->retry_seconds);
        told = true;
        poll(NULL, 0, (int)wait_ms);
        pause_ms = pause_ms * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : pause_ms * 2;
    }
    if (answer.status != 202) {
        call_explain(&publisher->call, &answer);
        point_at_line(publisher, (struct bytes){answer.body, answer.body_size}, events);
        return STATUS_FAILURE;
    }
    count_answer(publisher, (struct bytes){answer.body, answer.body_size}, events);
    if (publisher->json)
        printf("%.*s\n", (int)answer.body_size, answer.body);
    return STATUS_OK;
}
