/* SPDX-License-Identifier: Apache-2.0 */
/* event_in.c: checks a publisher's event member by member, stamps, redacts and composes it. */
#include "wire/event_in.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/json_plain.h"
#include "codec/json_walk.h"
#include "mcp_auth/error.h"
#include "wire/event_out.h"
#include "wire/nearest.h"
#include "wire/redact.h"

/* What we add to what the publisher wrote: type, id, timestamp, message, level, with their names. */
#define OURS_SIZE 256u

/* One event on its way in. The texts in `fields` are borrowed from the JSON, from `data`, from
 * `unescaped` and from the context. */
struct reading {
    const struct event_context *context;
    struct event_problem *problem;
    struct event_fields fields;
    struct bytes object;
    struct strbuf data;
    char *unescaped; /* strings that have escapes; object.size bytes, or NULL: none has come */
    size_t unescaped_size;
    bool type_given;
    unsigned redacted;
};

PRINTF_LIKE(4, 5)
static int refuse(struct reading *reading, enum error_code code, struct bytes member,
                  const char *format, ...)
{
    va_list list;

    reading->problem->code = code;
    clip_text(reading->problem->member, sizeof reading->problem->member, member);
    va_start(list, format);
    vsnprintf(reading->problem->reason, sizeof reading->problem->reason, format, list);
    va_end(list);
    switch (code) {
    case ERROR_WRONG_TENANT:
        return MCP_AUTH_E_REFUSED;
    case ERROR_TOO_LARGE:
        return MCP_AUTH_E_TOO_BIG;
    default:
        return MCP_AUTH_E_INVALID;
    }
}

static int refuse_unknown(struct reading *reading, struct bytes name)
{
    static const struct bytes set_by_us[] = {{"type", 4}, {"position", 8}, {"timestamp", 9}};
    struct bytes words[EVENT_MEMBERS + 3], near;

    for (size_t i = 0; i < ARRAY_COUNT(set_by_us); i++)
        if (bytes_equal(name, set_by_us[i]))
            return refuse(reading, ERROR_UNKNOWN_MEMBER, name, "is set by the server");

    for (int i = 0; i < EVENT_MEMBERS; i++)
        words[i] = event_member_text((enum event_member)i);
    words[EVENT_MEMBERS] = BYTES("event_type");
    words[EVENT_MEMBERS + 1] = BYTES("id");
    words[EVENT_MEMBERS + 2] = BYTES("data");
    near = nearest_word(name, words, ARRAY_COUNT(words));
    if (bytes_present(near))
        return refuse(reading, ERROR_UNKNOWN_MEMBER, name, "is not known; did you mean %.*s?",
                      (int)near.size, near.data);
    return refuse(reading, ERROR_UNKNOWN_MEMBER, name,
                  "is not known; details of your own belong into data");
}

static bool has_control(struct bytes text, bool lines_allowed)
{
    if (json_plain_size(text.data, text.size) == text.size &&
        !memchr(text.data, 0x7f, text.size)) /* DEL */
        return false;
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if ((c < 0x20 || c == 0x7f) && !(lines_allowed && (c == '\n' || c == '\t')))
            return true;
    }
    return false;
}

/* What a quoted string says; *ret lives as long as the reading. */
static int string_in(struct reading *reading, struct bytes quoted, struct bytes *ret)
{
    *ret = json_unquote(quoted, NULL);
    if (bytes_present(*ret))
        return 0;
    if (!reading->unescaped)
        reading->unescaped = malloc(reading->object.size); /* no string grows by being read */
    if (!reading->unescaped)
        return MCP_AUTH_E_NOMEM;
    assert(quoted.size <= reading->object.size - reading->unescaped_size);
    *ret = json_unquote(quoted, reading->unescaped + reading->unescaped_size);
    reading->unescaped_size += ret->size;
    return 0;
}

/* A string within its ceiling, fit to be shown. */
static int text_in(struct reading *reading, struct bytes name, struct bytes value, size_t size_max,
                   struct bytes *ret)
{
    bool lines_allowed = bytes_equal(name, event_member_text(MEMBER_MESSAGE));
    struct bytes text;
    int r;

    if (!json_is_quoted(value))
        return refuse(reading, ERROR_INVALID_MEMBER, name, "must be a string%s",
                      value.data[0] == 'n' ? ", or left out; it is null" : "");
    r = string_in(reading, value, &text);
    if (r < 0)
        return r;
    if (text.size > size_max)
        return refuse(reading, ERROR_INVALID_MEMBER, name, "is longer than %zu bytes", size_max);
    if (has_control(text, lines_allowed))
        return refuse(reading, ERROR_INVALID_MEMBER, name, "must not hold control characters%s",
                      lines_allowed ? " other than newline and tab" : "");
    *ret = text;
    return 0;
}

static int type_in(struct reading *reading, struct bytes name, struct bytes value)
{
    struct bytes text, near;
    int r = text_in(reading, name, value, SIZE_MAX, &text);

    if (r < 0)
        return r;
    r = event_type_find(text);
    if (r < 0) {
        near = nearest_event_type(text);
        if (bytes_present(near))
            return refuse(reading, ERROR_INVALID_MEMBER, name, "is not known; did you mean %.*s?",
                          (int)near.size, near.data);
        return refuse(reading, ERROR_INVALID_MEMBER, name, "is not an event type known here");
    }
    reading->fields.type = (enum event_type)r;
    reading->type_given = true;
    return 0;
}

static bool id_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == ':' || c == '-';
}

static int id_in(struct reading *reading, struct bytes name, struct bytes value)
{
    struct bytes text;
    int r = text_in(reading, name, value, EVENT_ID_SIZE_MAX, &text);

    if (r < 0)
        return r;
    if (text.size == 0)
        return refuse(reading, ERROR_INVALID_MEMBER, name, "must not be empty");
    for (size_t i = 0; i < text.size; i++)
        if (!id_character(text.data[i]))
            return refuse(reading, ERROR_INVALID_MEMBER, name,
                          "may only hold letters, digits and the characters _ . : -");
    reading->fields.id = text;
    reading->fields.id_given = true;
    return 0;
}

static int data_in(struct reading *reading, struct bytes name, struct bytes value)
{
    if (value.data[0] != '{')
        return refuse(reading, ERROR_INVALID_MEMBER, name, "must be an object");
    reading->redacted += redact_put(&reading->data, value, reading->context->redaction);
    if (reading->data.error == MCP_AUTH_E_TOO_BIG)
        return refuse(reading, ERROR_TOO_LARGE, name, "makes the event larger than %u bytes",
                      EVENT_SIZE_MAX);
    if (reading->data.error)
        return reading->data.error;
    reading->fields.data = strbuf_bytes(&reading->data);
    return 0;
}

/* Names that are looked up by somebody: an empty one would look like none and be one. */
static bool must_not_be_empty(enum event_member member)
{
    return member == MEMBER_USER_ID || member == MEMBER_TARGET_USER_ID ||
           member == MEMBER_ROLE_NAME || member == MEMBER_PERMISSION;
}

static int other_in(struct reading *reading, enum event_member member, struct bytes value)
{
    struct bytes name = event_member_text(member), text;
    int r = text_in(reading, name, value, event_member_size_max(member), &text);

    if (r < 0)
        return r;
    if (text.size == 0 && must_not_be_empty(member))
        return refuse(reading, ERROR_INVALID_MEMBER, name, "must not be empty");
    if (member == MEMBER_SECURITY_LEVEL && level_rank(text) < 0)
        return refuse(reading, ERROR_INVALID_MEMBER, name,
                      "must be LOW, INFO, MEDIUM, WARNING, HIGH or CRITICAL");
    reading->fields.members[member] = text;
    return 0;
}

static int member_in(struct reading *reading, struct bytes name, struct bytes value)
{
    if (bytes_equal(name, BYTES("event_type")))
        return type_in(reading, name, value);
    if (bytes_equal(name, BYTES("id")))
        return id_in(reading, name, value);
    if (bytes_equal(name, BYTES("data")))
        return data_in(reading, name, value);
    for (int i = 0; i < EVENT_MEMBERS; i++)
        if (bytes_equal(name, event_member_text((enum event_member)i)))
            return other_in(reading, (enum event_member)i, value);
    return refuse_unknown(reading, name);
}

/* An event acts in one tenant: the named one, if this publisher may name it, else its own. The
 * frame names only a tenant that has a name. */
static int tenant_in(struct reading *reading)
{
    struct event_fields *fields = &reading->fields;
    struct bytes named = fields->members[MEMBER_TENANT_ID];

    fields->tenant = bytes_present(named) ? named : reading->context->tenant;
    if (!bytes_present(fields->tenant))
        fields->tenant = BYTES("");
    if (!reading->context->any_tenant && !bytes_equal(fields->tenant, reading->context->tenant))
        return refuse(reading, ERROR_WRONG_TENANT, event_member_text(MEMBER_TENANT_ID),
                      "must be the publisher's own tenant, or left out");
    if (fields->tenant.size > 0)
        fields->members[MEMBER_TENANT_ID] = fields->tenant;
    else
        fields->members[MEMBER_TENANT_ID] = (struct bytes){0};
    return 0;
}

static int members_in(struct reading *reading)
{
    struct bytes quoted, name, value;
    struct json_walk walk;
    int r;

    if (reading->object.data[0] != '{')
        return refuse(reading, ERROR_INVALID_MEMBER, (struct bytes){0},
                      "an event must be an object");
    walk = json_walk(reading->object);
    while (json_walk_member(&walk, &quoted, &value)) {
        r = string_in(reading, quoted, &name);
        if (r == 0)
            r = member_in(reading, name, value);
        if (r < 0)
            return r;
    }
    if (!reading->type_given)
        return refuse(reading, ERROR_MISSING_MEMBER, BYTES("event_type"), "is required");
    return tenant_in(reading);
}

/* What the publisher left to us. The message names nobody, so that no view has to hide it. */
static void stamp(struct reading *reading, char id_room[UUID_SIZE])
{
    struct event_fields *fields = &reading->fields;

    fields->time_ms = reading->context->wall_ms;
    fields->publisher =
        bytes_present(reading->context->publisher) ? reading->context->publisher : BYTES("");
    if (!fields->id_given) {
        uuid7(reading->context->random, fields->time_ms, id_room);
        fields->id = (struct bytes){id_room, UUID_SIZE};
    }
    if (!bytes_present(fields->members[MEMBER_MESSAGE]))
        fields->members[MEMBER_MESSAGE] = event_type_message(fields->type);
    if (!bytes_present(fields->members[MEMBER_SECURITY_LEVEL]))
        fields->members[MEMBER_SECURITY_LEVEL] = level_default();
}

int event_in(struct event **ret, struct bytes object, const struct event_context *context,
             unsigned *ret_redacted, struct event_problem *ret_problem)
{
    struct reading reading = {
        .context = context,
        .problem = ret_problem,
        .object = json_walk_value(object),
    };
    const struct privacy_cut nothing = {0};
    char id_room[UUID_SIZE];
    struct strbuf json;
    int r;

    strbuf_init(&reading.data, EVENT_SIZE_MAX);
    strbuf_init(&json, EVENT_SIZE_MAX);

    r = members_in(&reading);
    if (r < 0)
        goto done;
    stamp(&reading, id_room);

    /* Room for nearly any at once: it grows by what we add, and is bounded by its ceiling. */
    (void)!strbuf_reserve(&json, reading.object.size < EVENT_SIZE_MAX - OURS_SIZE
                                     ? reading.object.size + OURS_SIZE
                                     : EVENT_SIZE_MAX);
    event_out_compose(&json, &reading.fields, &nothing);
    r = json.error;
    if (r == MCP_AUTH_E_TOO_BIG)
        r = refuse(&reading, ERROR_TOO_LARGE, (struct bytes){0},
                   "the event is larger than %u bytes as a frame", EVENT_SIZE_MAX);
    if (r < 0)
        goto done;

    /* An id of our own comes once: there is no other body to tell this one from. */
    r = event_new(ret, &reading.fields, strbuf_bytes(&json),
                  reading.fields.id_given ? event_fingerprint(&reading.fields) : 0,
                  context->policy);
    if (r == 0)
        *ret_redacted = reading.redacted;

done:
    strbuf_done(&json);
    strbuf_done(&reading.data);
    free(reading.unescaped);
    return r;
}
