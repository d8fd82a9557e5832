/* SPDX-License-Identifier: Apache-2.0 */
/* event_stored.c: reads back what event_out and control composed, member by member. */
#include "wire/event_stored.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "codec/json_walk.h"
#include "mcp_auth/error.h"

/* What stands in a frame besides its event's members, in the order in which it is composed: the
 * first four before them, the others behind. `position` is put in later: twice would be wrong. */
enum frame_member { TYPE, ID, EVENT_TYPE, TIMESTAMP, DATA, TOKEN_ID, POSITION, FRAME_MEMBERS };
#define MEMBERS_BEFORE ((unsigned)DATA)
#define WORDS ((unsigned)FRAME_MEMBERS + (unsigned)EVENT_MEMBERS)

static const struct bytes frame_members[FRAME_MEMBERS] = {
    [TYPE] = {"type", 4},           [ID] = {"id", 2},     [EVENT_TYPE] = {"event_type", 10},
    [TIMESTAMP] = {"timestamp", 9}, [DATA] = {"data", 4}, [TOKEN_ID] = {"token_id", 8},
    [POSITION] = {"position", 8},
};

/* One entry on its way in; all texts are borrowed from it and from `strings`. */
struct reading {
    const struct stored_fields *stored;
    struct event_fields fields;
    struct bytes frame[FRAME_MEMBERS]; /* texts, but DATA */
    unsigned next_word;                /* behind the last that came: mostly this one is next */
    struct bytes object;
    struct json_strings strings;
};

static struct bytes word_text(unsigned word)
{
    if (word < MEMBERS_BEFORE)
        return frame_members[word];
    if (word < MEMBERS_BEFORE + EVENT_MEMBERS)
        return event_member_text((enum event_member)(word - MEMBERS_BEFORE));
    return frame_members[word - EVENT_MEMBERS];
}

/* Which word this name is; WORDS: none of them. */
static unsigned word_find(struct reading *reading, struct bytes name)
{
    unsigned word = reading->next_word;

    for (unsigned i = 0; i < WORDS; i++, word++) {
        if (word == WORDS)
            word = 0;
        if (bytes_equal(word_text(word), name)) {
            reading->next_word = word + 1;
            return word;
        }
    }
    return WORDS;
}

static bool has_controls(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.data[i] < 0x20)
            return true;
    return false;
}

/* A member's text. Control characters come by escapes alone, and only a message may have any: names
 * with them could be taken for others in the audience's keys. */
static int text_in(struct reading *reading, struct bytes value, size_t size_max, bool lines_allowed,
                   struct bytes *ret)
{
    int r;

    if (!json_is_quoted(value))
        return MCP_AUTH_E_INVALID;
    r = json_strings_in(&reading->strings, value, ret);
    if (r < 0)
        return r;
    if (ret->size > size_max ||
        (ret->size + 2 < value.size && !lines_allowed && has_controls(*ret)))
        return MCP_AUTH_E_INVALID;
    return 0;
}

static int member_in(struct reading *reading, struct bytes name, struct bytes value)
{
    unsigned word = word_find(reading, name);
    enum event_member member;

    if (word == WORDS)
        return 0; /* of a newer version: it stays in the json, and in no view that is cut */
    if (word >= MEMBERS_BEFORE && word < MEMBERS_BEFORE + EVENT_MEMBERS) {
        member = (enum event_member)(word - MEMBERS_BEFORE);
        return text_in(reading, value, event_member_size_max(member), member == MEMBER_MESSAGE,
                       &reading->fields.members[member]);
    }
    if (word >= MEMBERS_BEFORE)
        word -= EVENT_MEMBERS;
    if (word == DATA) {
        reading->frame[DATA] = value;
        return value.data[0] == '{' ? 0 : MCP_AUTH_E_INVALID;
    }
    return text_in(reading, value, TOKEN_ID_SIZE_MAX, false, &reading->frame[word]);
}

static int members_in(struct reading *reading)
{
    struct bytes quoted, name, value;
    struct json_walk walk;
    int r;

    if (reading->object.data[0] != '{')
        return MCP_AUTH_E_INVALID;
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

/* What an event and a control entry have in common, also with the fields beside the json. */
static int stamp_in(struct reading *reading)
{
    const struct stored_fields *stored = reading->stored;
    struct event_fields *fields = &reading->fields;
    struct bytes tenant = fields->members[MEMBER_TENANT_ID];

    if (!bytes_present(tenant))
        tenant = BYTES("");
    if (reading->frame[ID].size == 0 || !bytes_equal(reading->frame[ID], stored->id) ||
        !bytes_equal(tenant, stored->tenant) || stored->by.size > USER_ID_SIZE_MAX ||
        !utf8_valid(stored->by.data, stored->by.size) || bytes_present(reading->frame[POSITION]) ||
        reading->frame[TIMESTAMP].size != CLOCK_RFC3339_SIZE - 1 ||
        clock_rfc3339_read(reading->frame[TIMESTAMP], &fields->time_ms) < 0)
        return MCP_AUTH_E_INVALID;
    fields->id = reading->frame[ID]; /* in the json, where it needs no copy */
    fields->tenant = tenant;
    fields->publisher = stored->by.size > 0 ? stored->by : BYTES("");
    return 0;
}

static int event_make(struct event **ret, struct reading *reading, const struct policy *policy)
{
    struct event_fields *fields = &reading->fields;
    int type = event_type_find(reading->frame[EVENT_TYPE]);

    if (type < 0 || !bytes_equal(reading->frame[TYPE], BYTES("event")) ||
        !bytes_equal(reading->frame[EVENT_TYPE], reading->stored->type) ||
        !bytes_present(fields->members[MEMBER_MESSAGE]) ||
        level_rank(fields->members[MEMBER_SECURITY_LEVEL]) < 0)
        return MCP_AUTH_E_INVALID;
    fields->type = (enum event_type)type;
    fields->id_given = reading->stored->given;
    fields->no_effects = reading->stored->no_effects;
    fields->data = reading->frame[DATA];
    if (fields->members[MEMBER_TENANT_ID].size == 0)
        fields->members[MEMBER_TENANT_ID] = (struct bytes){0};
    /* No fingerprint: whether an id comes with another body is decided where the stream is written,
     * and it would be a third of all this. */
    return event_new(ret, fields, reading->object, 0, policy);
}

static int control_make(struct event **ret, struct reading *reading)
{
    const struct event_fields *fields = &reading->fields;
    struct control_fields control = {
        .control = event_control_find(reading->stored->type),
        .id = fields->id,
        .tenant = fields->tenant,
        .publisher = fields->publisher,
        .user = fields->members[MEMBER_USER_ID],
        .token_id = reading->frame[TOKEN_ID],
        .time_ms = fields->time_ms,
    };
    bool of_user = control.user.size > 0, of_token = control.token_id.size > 0;

    if (control.control == CONTROL_NONE || of_user == of_token ||
        (control.control == CONTROL_DISCONNECT && !of_user) ||
        !bytes_equal(reading->frame[TYPE], reading->stored->type))
        return MCP_AUTH_E_INVALID;
    if (!of_token)
        control.token_id = (struct bytes){0};
    return event_new_control(ret, &control, reading->object);
}

int event_stored_in(struct event **ret, const struct stored_fields *stored,
                    const struct policy *policy)
{
    struct reading reading;
    int r;

    if (stored->json.size > EVENT_SIZE_MAX)
        return MCP_AUTH_E_INVALID;
    r = json_check(stored->json, NULL);
    if (r < 0)
        return r;
    memset(&reading, 0, sizeof reading);
    reading.stored = stored;
    reading.object = json_walk_value(stored->json);
    reading.strings.text_size = reading.object.size;
    r = members_in(&reading);
    if (r == 0)
        r = stamp_in(&reading);
    if (r == 0)
        r = stored->type.size > 0 && stored->type.data[0] == '$'
                ? control_make(ret, &reading)
                : event_make(ret, &reading, policy);
    free(reading.strings.unescaped);
    return r;
}

void event_stored_out(const struct event *event, struct stored_fields *ret)
{
    assert(event->control == CONTROL_NONE || event_control_text(event->control).size > 0);
    *ret = (struct stored_fields){
        .id = event->id,
        .tenant = event->tenant,
        .user = event->members[MEMBER_USER_ID],
        .target = event->members[MEMBER_TARGET_USER_ID],
        .type = event->control == CONTROL_NONE ? event_type_text(event->type)
                                               : event_control_text(event->control),
        .by = event->publisher,
        .json = event->json,
        .time_ms = event->time_ms,
        .given = event->id_given,
        .no_effects = event->no_effects,
    };
}
