/* SPDX-License-Identifier: Apache-2.0 */
/* event_draft.c: checks an event's members one by one, then stamps, composes and makes it. */
#include "wire/event_draft.h"

#include <stdarg.h>
#include <stdio.h>

#include "codec/json_plain.h"
#include "mcp_auth/error.h"
#include "wire/event_out.h"
#include "wire/nearest.h"
#include "wire/redact.h"

void event_draft_init(struct event_draft *draft, const struct event_context *context,
                      struct event_problem *problem)
{
    *draft = (struct event_draft){.context = context, .problem = problem};
    strbuf_init(&draft->data, EVENT_SIZE_MAX);
}

void event_draft_done(struct event_draft *draft)
{
    strbuf_done(&draft->data);
}

int event_draft_refuse(struct event_draft *draft, enum error_code code, struct bytes member,
                       const char *format, ...)
{
    va_list list;

    draft->problem->code = code;
    clip_text(draft->problem->member, sizeof draft->problem->member, member);
    va_start(list, format);
    vsnprintf(draft->problem->reason, sizeof draft->problem->reason, format, list);
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

/* Within its ceiling, and fit to be shown. */
static int check_text(struct event_draft *draft, struct bytes name, struct bytes text,
                      size_t size_max, bool lines_allowed)
{
    if (text.size > size_max)
        return event_draft_refuse(draft, ERROR_INVALID_MEMBER, name, "is longer than %zu bytes",
                                  size_max);
    if (has_control(text, lines_allowed))
        return event_draft_refuse(draft, ERROR_INVALID_MEMBER, name,
                                  "must not hold control characters%s",
                                  lines_allowed ? " other than newline and tab" : "");
    return 0;
}

int event_draft_type(struct event_draft *draft, struct bytes text)
{
    const struct bytes name = BYTES("event_type");
    struct bytes near;
    int r = check_text(draft, name, text, SIZE_MAX, false);

    if (r < 0)
        return r;
    r = event_type_find(text);
    if (r < 0) {
        near = nearest_event_type(text);
        if (bytes_present(near))
            return event_draft_refuse(draft, ERROR_INVALID_MEMBER, name,
                                      "is not known; did you mean %.*s?", (int)near.size,
                                      near.data);
        return event_draft_refuse(draft, ERROR_INVALID_MEMBER, name,
                                  "is not an event type known here");
    }
    draft->fields.type = (enum event_type)r;
    draft->type_given = true;
    return 0;
}

static bool id_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == ':' || c == '-';
}

int event_draft_id(struct event_draft *draft, struct bytes text)
{
    const struct bytes name = BYTES("id");
    int r = check_text(draft, name, text, EVENT_ID_SIZE_MAX, false);

    if (r < 0)
        return r;
    if (text.size == 0)
        return event_draft_refuse(draft, ERROR_INVALID_MEMBER, name, "must not be empty");
    for (size_t i = 0; i < text.size; i++)
        if (!id_character(text.data[i]))
            return event_draft_refuse(draft, ERROR_INVALID_MEMBER, name,
                                      "may only hold letters, digits and the characters _ . : -");
    draft->fields.id = text;
    draft->fields.id_given = true;
    return 0;
}

/* Names that are looked up by somebody: an empty one would look like none and be one. */
static bool must_not_be_empty(enum event_member member)
{
    return member == MEMBER_USER_ID || member == MEMBER_TARGET_USER_ID ||
           member == MEMBER_ROLE_NAME || member == MEMBER_PERMISSION;
}

int event_draft_member(struct event_draft *draft, enum event_member member, struct bytes text)
{
    struct bytes name = event_member_text(member);
    int r = check_text(draft, name, text, event_member_size_max(member), member == MEMBER_MESSAGE);

    if (r < 0)
        return r;
    if (text.size == 0 && must_not_be_empty(member))
        return event_draft_refuse(draft, ERROR_INVALID_MEMBER, name, "must not be empty");
    if (member == MEMBER_SECURITY_LEVEL && level_rank(text) < 0)
        return event_draft_refuse(draft, ERROR_INVALID_MEMBER, name,
                                  "must be LOW, INFO, MEDIUM, WARNING, HIGH or CRITICAL");
    draft->fields.members[member] = text;
    return 0;
}

int event_draft_data(struct event_draft *draft, struct bytes object)
{
    const struct bytes name = BYTES("data");

    if (object.data[0] != '{')
        return event_draft_refuse(draft, ERROR_INVALID_MEMBER, name, "must be an object");
    draft->redacted += redact_put(&draft->data, object, draft->context->redaction);
    if (draft->data.error == MCP_AUTH_E_TOO_BIG)
        return event_draft_refuse(draft, ERROR_TOO_LARGE, name,
                                  "makes the event larger than %u bytes", EVENT_SIZE_MAX);
    if (draft->data.error)
        return draft->data.error;
    draft->fields.data = strbuf_bytes(&draft->data);
    return 0;
}

/* An event acts in one tenant: the named one, if this publisher may name it, else its own. The
 * frame names only a tenant that has a name. */
static int settle_tenant(struct event_draft *draft)
{
    struct event_fields *fields = &draft->fields;
    struct bytes named = fields->members[MEMBER_TENANT_ID];

    fields->tenant = bytes_present(named) ? named : draft->context->tenant;
    if (!bytes_present(fields->tenant))
        fields->tenant = BYTES("");
    if (!draft->context->any_tenant && !bytes_equal(fields->tenant, draft->context->tenant))
        return event_draft_refuse(draft, ERROR_WRONG_TENANT, event_member_text(MEMBER_TENANT_ID),
                                  "must be the publisher's own tenant, or left out");
    if (fields->tenant.size > 0)
        fields->members[MEMBER_TENANT_ID] = fields->tenant;
    else
        fields->members[MEMBER_TENANT_ID] = (struct bytes){0};
    return 0;
}

/* What the publisher left to us. The message names nobody, so that no view has to hide it. */
static void stamp(struct event_draft *draft, char id_room[UUID_SIZE])
{
    struct event_fields *fields = &draft->fields;

    fields->time_ms = draft->context->wall_ms;
    fields->no_effects = draft->context->no_effects;
    fields->publisher =
        bytes_present(draft->context->publisher) ? draft->context->publisher : BYTES("");
    if (!fields->id_given) {
        uuid7(draft->context->random, fields->time_ms, id_room);
        fields->id = (struct bytes){id_room, UUID_SIZE};
    }
    if (!bytes_present(fields->members[MEMBER_MESSAGE]))
        fields->members[MEMBER_MESSAGE] = event_type_message(fields->type);
    if (!bytes_present(fields->members[MEMBER_SECURITY_LEVEL]))
        fields->members[MEMBER_SECURITY_LEVEL] = level_default();
}

int event_draft_finish(struct event_draft *draft, struct event **ret)
{
    const struct privacy_cut nothing = {0};
    char id_room[UUID_SIZE];
    struct strbuf json;
    int r;

    if (!draft->type_given)
        return event_draft_refuse(draft, ERROR_MISSING_MEMBER, BYTES("event_type"), "is required");
    r = settle_tenant(draft);
    if (r < 0)
        return r;
    stamp(draft, id_room);

    strbuf_init(&json, EVENT_SIZE_MAX);
    event_out_compose(&json, &draft->fields, &nothing);
    r = json.error;
    if (r == MCP_AUTH_E_TOO_BIG)
        r = event_draft_refuse(draft, ERROR_TOO_LARGE, (struct bytes){0},
                               "the event is larger than %u bytes as a frame", EVENT_SIZE_MAX);
    /* An id of our own comes once: there is no other body to tell this one from. */
    if (r == 0)
        r = event_new(ret, &draft->fields, strbuf_bytes(&json),
                      draft->fields.id_given ? event_fingerprint(&draft->fields) : 0,
                      draft->context->policy);
    strbuf_done(&json);
    return r;
}
