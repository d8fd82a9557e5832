/* SPDX-License-Identifier: Apache-2.0 */
/* event_in.c: an event as its publisher gives it, in JSON or in texts, member by member to a draft. */
#include "wire/event_in.h"

#include <stdlib.h>

#include "codec/json_plain.h"
#include "codec/json_walk.h"
#include "wire/event_draft.h"
#include "wire/nearest.h"

/* One JSON object on its way in. The draft borrows from it and from `strings`. */
struct reading {
    struct event_draft draft;
    struct bytes object;
    struct json_strings strings;
};

static int refuse_unknown(struct reading *reading, struct bytes name)
{
    static const struct bytes set_by_us[] = {{"type", 4}, {"position", 8}, {"timestamp", 9}};
    struct bytes words[EVENT_MEMBERS + 3], near;

    for (size_t i = 0; i < ARRAY_COUNT(set_by_us); i++)
        if (bytes_equal(name, set_by_us[i]))
            return event_draft_refuse(&reading->draft, ERROR_UNKNOWN_MEMBER, name,
                                      "is set by the server");

    for (int i = 0; i < EVENT_MEMBERS; i++)
        words[i] = event_member_text((enum event_member)i);
    words[EVENT_MEMBERS] = BYTES("event_type");
    words[EVENT_MEMBERS + 1] = BYTES("id");
    words[EVENT_MEMBERS + 2] = BYTES("data");
    near = nearest_word(name, words, ARRAY_COUNT(words));
    if (bytes_present(near))
        return event_draft_refuse(&reading->draft, ERROR_UNKNOWN_MEMBER, name,
                                  "is not known; did you mean %.*s?", (int)near.size, near.data);
    return event_draft_refuse(&reading->draft, ERROR_UNKNOWN_MEMBER, name,
                              "is not known; details of your own belong into data");
}

static int text_in(struct reading *reading, struct bytes name, struct bytes value,
                   struct bytes *ret)
{
    if (!json_is_quoted(value))
        return event_draft_refuse(&reading->draft, ERROR_INVALID_MEMBER, name, "must be a string%s",
                                  value.data[0] == 'n' ? ", or left out; it is null" : "");
    return json_strings_in(&reading->strings, value, ret);
}

static int member_in(struct reading *reading, struct bytes name, struct bytes value)
{
    bool is_type = bytes_equal(name, BYTES("event_type")), is_id = bytes_equal(name, BYTES("id"));
    struct bytes text;
    int member, r;

    if (bytes_equal(name, BYTES("data")))
        return event_draft_data(&reading->draft, value);
    member = is_type || is_id ? 0 : event_member_find(name);
    if (member < 0)
        return refuse_unknown(reading, name);
    r = text_in(reading, name, value, &text);
    if (r < 0)
        return r;
    if (is_type)
        return event_draft_type(&reading->draft, text);
    if (is_id)
        return event_draft_id(&reading->draft, text);
    return event_draft_member(&reading->draft, (enum event_member)member, text);
}

static int members_in(struct reading *reading)
{
    struct bytes quoted, name, value;
    struct json_walk walk;
    int r;

    if (reading->object.data[0] != '{')
        return event_draft_refuse(&reading->draft, ERROR_INVALID_MEMBER, (struct bytes){0},
                                  "an event must be an object");
    walk = json_walk(reading->object);
    while (json_walk_member(&walk, &quoted, &value)) {
        r = json_strings_in(&reading->strings, quoted, &name);
        if (r == 0)
            r = member_in(reading, name, value);
        if (r < 0)
            return r;
    }
    return 0;
}

/* A draft of which all members were set with `r`. */
static int finish(struct event_draft *draft, int r, struct event **ret, unsigned *ret_redacted)
{
    if (r == 0)
        r = event_draft_finish(draft, ret);
    if (r == 0)
        *ret_redacted = draft->redacted;
    event_draft_done(draft);
    return r;
}

int event_in(struct event **ret, struct bytes object, const struct event_context *context,
             unsigned *ret_redacted, struct event_problem *ret_problem)
{
    struct reading reading;
    int r;

    event_draft_init(&reading.draft, context, ret_problem);
    reading.object = json_walk_value(object);
    reading.strings = (struct json_strings){.text_size = reading.object.size};
    r = finish(&reading.draft, members_in(&reading), ret, ret_redacted);
    free(reading.strings.unescaped);
    return r;
}

static int texts_in(struct event_draft *draft, const struct event_texts *texts)
{
    int r = bytes_present(texts->type) ? event_draft_type(draft, texts->type) : 0;

    if (r == 0 && bytes_present(texts->id))
        r = event_draft_id(draft, texts->id);
    for (int i = 0; i < EVENT_MEMBERS && r == 0; i++)
        if (bytes_present(texts->members[i]))
            r = event_draft_member(draft, (enum event_member)i, texts->members[i]);
    if (r == 0 && bytes_present(texts->data))
        r = event_draft_data(draft, texts->data);
    return r;
}

int event_in_texts(struct event **ret, const struct event_texts *texts,
                   const struct event_context *context, unsigned *ret_redacted,
                   struct event_problem *ret_problem)
{
    struct event_draft draft;

    event_draft_init(&draft, context, ret_problem);
    return finish(&draft, texts_in(&draft, texts), ret, ret_redacted);
}
