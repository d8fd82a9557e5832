/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_event_stored.c: any entry of a stream is an event that can be stored again, or refused. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "mcp_auth/error.h"
#include "wire/event_out.h"
#include "wire/event_stored.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Up to the next newline. */
static struct bytes line_take(struct bytes *rest)
{
    const char *end = rest->size > 0 ? memchr(rest->data, '\n', rest->size) : NULL;
    struct bytes line = {rest->data, end ? (size_t)(end - rest->data) : rest->size};

    *rest = (struct bytes){rest->data + line.size + (end != NULL),
                           rest->size - line.size - (end != NULL)};
    return line;
}

static void check_comes_back(const struct event *event)
{
    struct stored_fields stored;
    struct event *back;
    int r;

    event_stored_out(event, &stored);
    r = event_stored_in(&back, &stored, &policy_default);
    assert(r == 0);
    assert(back->time_ms == event->time_ms && back->fingerprint == event->fingerprint);
    assert(back->has_fence == event->has_fence && bytes_equal(back->json, event->json));
    assert(back->audience_count == event->audience_count);
    event_unref(back);
}

static void check_views(const struct event *event)
{
    for (int v = 0; v < VIEWS; v++) {
        struct privacy_cut cut = privacy_cut(PRIVACY_NONE, (enum view)v, event->same_person);
        struct strbuf out;

        strbuf_init(&out, EVENT_SIZE_MAX);
        event_out_view(&out, event, &cut);
        assert(!out.error);
        strbuf_done(&out);
    }
}

/* Flags, then lines: id, tenant, type, by; the rest is the json. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stored_fields stored = {0};
    struct event *event;
    struct bytes rest;
    int r;

    if (size == 0)
        return 0;
    rest = (struct bytes){(const char *)data + 1, size - 1};
    stored.given = data[0] & 1;
    stored.no_effects = data[0] & 2;
    stored.id = line_take(&rest);
    stored.tenant = line_take(&rest);
    stored.type = line_take(&rest);
    stored.by = line_take(&rest);
    stored.json = rest;
    r = event_stored_in(&event, &stored, &policy_default);
    if (r == 0) {
        check_comes_back(event);
        if (event->control == CONTROL_NONE)
            check_views(event);
    } else {
        assert(r == MCP_AUTH_E_INVALID);
        r = event_stored_unreadable(&event, &stored);
        assert(r == 0 && !event_has_effect(event));
    }
    event_unref(event);
    return 0;
}
