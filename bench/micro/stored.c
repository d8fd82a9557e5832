/* SPDX-License-Identifier: Apache-2.0 */
/* stored.c: what an entry of the stream costs whoever follows it: its fields to an event. */
#include <string.h>

#include "measure.h"
#include "wire/event_in.h"
#include "wire/event_stored.h"

static struct stored_fields stored;

static uint64_t read_back(unsigned count)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < count; i++) {
        struct event *event;

        if (event_stored_in(&event, &stored, &policy_default) < 0)
            return 0;
        sum += event->audience_count;
        event_unref(event);
    }
    return sum;
}

static void with(const char *name, const char *json)
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
    struct event_problem problem;
    struct event *event;
    unsigned redacted;

    if (event_in(&event, bytes_of(json), &context, &redacted, &problem) < 0)
        abort();
    event_stored_out(event, &stored);
    measure(name, event->json.size, 200000, read_back);
    event_unref(event);
}

int main(void)
{
    with("event_stored_in",
         "{\"event_type\":\"role_assigned\",\"user_id\":\"admin-1\",\"user_name\":\"Ann Example\","
         "\"target_user_id\":\"user-1234\",\"role_name\":\"editor\","
         "\"message\":\"Role editor assigned to user-1234\"}");
    with("event_stored_in, id given",
         "{\"event_type\":\"role_assigned\",\"id\":\"0190a5c2-1111-7222-8333-444455556666\","
         "\"user_id\":\"admin-1\",\"user_name\":\"Ann Example\",\"target_user_id\":\"user-1234\","
         "\"role_name\":\"editor\",\"message\":\"Role editor assigned to user-1234\"}");
    with("event_stored_in, with data",
         "{\"event_type\":\"user_updated\",\"user_id\":\"admin-1\",\"message\":\"Profile changed\","
         "\"data\":{\"before\":{\"name\":\"Ann\",\"teams\":[1,2,3]},\"after\":{\"name\":"
         "\"Ann \\u00c9\",\"teams\":[1,2,3,4],\"active\":true}}}");
    return 0;
}
