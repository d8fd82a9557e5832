/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_event_in.c: any JSON is an event whose frame is JSON without secrets, or refused. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json_walk.h"
#include "mcp_auth/error.h"
#include "wire/event_in.h"
#include "wire/event_out.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_no_secrets(json_t *value)
{
    const char *name;
    json_t *member;
    size_t index;

    if (json_is_object(value)) {
        json_object_foreach(value, name, member)
        {
            assert(!redaction_matches(NULL, bytes_of(name)));
            check_no_secrets(member);
        }
    } else if (json_is_array(value)) {
        json_array_foreach(value, index, member) check_no_secrets(member);
    }
}

static void check_frame(struct bytes json)
{
    json_t *frame;
    int r = json_read(json, &frame, NULL);

    assert(r == 0);
    assert(bytes_equal(json_member_text(frame, "type"), BYTES("event")));
    assert(bytes_present(json_member_text(frame, "id")));
    assert(bytes_present(json_member_text(frame, "message")));
    check_no_secrets(json_object_get(frame, "data"));
    json_decref(frame);
}

/* Every view is a frame too, and shows nobody whom it must not show. */
static void check_views(const struct event *event)
{
    for (int v = 0; v < VIEWS; v++) {
        struct privacy_cut cut = privacy_cut(PRIVACY_NONE, (enum view)v, event->same_person);
        struct strbuf out;
        json_t *frame;
        int r;

        strbuf_init(&out, EVENT_SIZE_MAX);
        event_out_view(&out, event, &cut);
        assert(!out.error);
        check_frame(strbuf_bytes(&out));
        r = json_read(strbuf_bytes(&out), &frame, NULL);
        assert(r == 0);
        assert(!cut.user_id || !json_object_get(frame, "user_id"));
        assert(!cut.user_name || !json_object_get(frame, "user_name"));
        assert(!cut.target_user_id || !json_object_get(frame, "target_user_id"));
        json_decref(frame);
        strbuf_done(&out);
    }
}

static void check_accepted(const struct event *event)
{
    static const struct position position = {1, 2, 3};
    char *framed = malloc(event->json.size + EVENT_POSITION_SIZE), text[POSITION_SIZE];

    assert(framed && event->json.size <= EVENT_SIZE_MAX);
    assert(bytes_equal(event->tenant, BYTES("acme")));
    assert(event->audience_count <= 3);
    check_frame(event->json);
    position_write(&position, text);
    event_out_with_position(framed, event->json, text);
    check_frame((struct bytes){framed, event->json.size + EVENT_POSITION_SIZE});
    free(framed);
    check_views(event);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t seed = 1;
    struct random random = random_seeded(&seed);
    struct event_context context = {
        .tenant = BYTES("acme"),
        .publisher = BYTES("svc"),
        .wall_ms = 1700000000123,
        .policy = &policy_default,
        .random = &random,
    };
    struct event_problem problem = {0};
    struct event *event;
    unsigned redacted;
    struct bytes object = {(const char *)data, size};
    int r;

    if (size > EVENT_SIZE_MAX || json_check(object, NULL) < 0)
        return 0;
    r = event_in(&event, object, &context, &redacted, &problem);
    if (r == 0) {
        check_accepted(event);
        event_unref(event);
    } else {
        assert(r == MCP_AUTH_E_INVALID || r == MCP_AUTH_E_REFUSED || r == MCP_AUTH_E_TOO_BIG);
        assert(problem.reason[0] != '\0');
    }
    return 0;
}
