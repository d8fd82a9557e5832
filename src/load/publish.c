/* SPDX-License-Identifier: Apache-2.0 */
/* publish.c: what is due is sent, late or not, and every answer is counted. */
#include <assert.h>
#include <stdio.h>

#include "codec/json.h"
#include "load/load_private.h"

/* Open loop: batch n is due at a time that nothing the server does can move. When no connection is
 * free it waits, and the wait is part of what is measured: else a server that stalls would be asked
 * less just then, and its worst moments would hardly be seen (coordinated omission). */
uint64_t publish_due_ns(const struct load *load, uint64_t batch)
{
    const uint64_t event = batch * load->plan.batch, rate = load->plan.rate;

    return event / rate * 1000000000 + event % rate * 1000000000 / rate;
}

static unsigned events_of(const struct load *load, uint64_t batch)
{
    const uint64_t left = load->result.due - batch * load->plan.batch;

    return left < load->plan.batch ? (unsigned)left : load->plan.batch;
}

/* The next one that somebody listens for; when nobody does any more, just the next. */
static unsigned next_audience(struct load *load)
{
    const unsigned audiences = load->tally.audiences;
    unsigned found = load->next_audience;

    for (unsigned i = 0; i < audiences && load->tally.audience[found].live == 0; i++)
        found = (found + 1) % audiences;
    load->next_audience = (found + 1) % audiences;
    return found;
}

static void put_event(struct lane *lane, unsigned audience, struct strbuf *out)
{
    struct load *load = lane->load;
    const unsigned number = (unsigned)(lane - load->lanes);
    const struct mark mark = {number, audience, tally_issue(&load->tally, number, audience),
                              lane->due_ns};
    char id[MARK_SIZE];

    mark_write(load->mark_prefix, &mark, id);
    strbuf_puts(out, "{\"id\":\"");
    strbuf_put(out, id, sizeof id);
    strbuf_putc(out, '"');
    if (load->plan.one_by_one)
        strbuf_printf(out, ",\"target_user_id\":\"%s%u\"", load->plan.target, audience);
    strbuf_put_bytes(out, strbuf_bytes(&load->event_tail));
}

static bool compose(struct lane *lane, uint64_t batch)
{
    struct load *load = lane->load;
    struct strbuf body;

    strbuf_init(&body, lane->out.size_max);
    lane->due_ns = publish_due_ns(load, batch);
    lane->events = events_of(load, batch);
    for (unsigned i = 0; i < lane->events; i++) {
        lane->audiences[i] = next_audience(load);
        strbuf_putc(&body, i ? ',' : '[');
        put_event(lane, lane->audiences[i], &body);
    }
    strbuf_putc(&body, ']');
    strbuf_reset(&lane->out);
    strbuf_printf(&lane->out,
                  "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n"
                  "User-Agent: mcp-auth/" MCP_AUTH_VERSION "\r\n"
                  "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                  load->events_path.data, load->address.authority, load->plan.publish_token,
                  body.size);
    strbuf_put_bytes(&lane->out, strbuf_bytes(&body));
    if (body.error || lane->out.error)
        load->error = body.error ? body.error : lane->out.error;
    strbuf_done(&body);
    return load->error == 0;
}

static struct lane *free_lane(struct load *load)
{
    for (unsigned i = 0; i < load->plan.publishers; i++) {
        struct lane *lane = &load->lanes[i];

        if (lane->events == 0 && (lane->state == LANE_IDLE ||
                                  (lane->state == LANE_CLOSED && lane->retry_ns <= load->now_ns)))
            return lane;
    }
    return NULL;
}

void publish_due(struct load *load)
{
    while (load->batches_sent < load->batches_total && load->error == 0 &&
           load->start_ns + publish_due_ns(load, load->batches_sent) <= load->now_ns) {
        struct lane *lane = free_lane(load);

        if (!lane)
            return;
        if (compose(lane, load->batches_sent)) {
            load->batches_sent++;
            lane_send(lane);
        }
    }
}

bool publish_under_way(const struct load *load)
{
    for (unsigned i = 0; i < load->plan.publishers; i++)
        if (load->lanes[i].events > 0)
            return true;
    return false;
}

/* What the server says is wrong, for people. */
static void explain(struct load *load, const struct answer *answer)
{
    const int status = answer->status;
    json_t *json = NULL, *error;
    struct bytes member = {0}, message = {0};

    if (json_read(strbuf_bytes(&answer->body), &json, NULL) == 0) {
        error = json_object_get(json, "error");
        message = json_member_text(error, "message");
        member = json_member_text(json_object_get(error, "details"), "member");
    }
    load_stop(load, "publishing was refused: %d %.*s%s%.*s%s", status,
              (int)(member.size < 100 ? member.size : 100), member.size ? member.data : "",
              member.size ? " " : "", (int)(message.size < 250 ? message.size : 250),
              message.size ? message.data : "",
              status == 401   ? ". Publish with another --token, or with --api-key"
              : status == 403 ? ". Publish with an administrator's --token, one that holds "
                                "realtime:publish, or with --api-key"
              : status == 404 ? ". Is the URL that of an mcp-auth server?"
                              : "");
    json_decref(json);
}

void publish_answered(struct lane *lane)
{
    struct load *load = lane->load;
    struct load_result *result = &load->result;
    const int status = lane->answer.status;

    histogram_add(&result->answer, load->now_ns - load->start_ns - lane->due_ns);
    if (status == 202) {
        result->accepted += lane->events;
        return;
    }
    result->refused += lane->events;
    load_codes_add(&result->refused_by, (unsigned)status);
    for (unsigned i = 0; i < lane->events; i++)
        load->tally.audience[lane->audiences[i]].refused++;
    /* Too many and not now are answers to a load; anything else is the same for every request. */
    if (status != 429 && status != 503)
        explain(load, &lane->answer);
}

void publish_unanswered(struct lane *lane)
{
    struct load *load = lane->load;

    load->result.unknown += lane->events;
    for (unsigned i = 0; i < lane->events; i++)
        load->tally.audience[lane->audiences[i]].unknown++;
    lane->events = 0;
    lane->attempts = 0;
}
