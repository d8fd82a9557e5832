/* SPDX-License-Identifier: Apache-2.0 */
/* control.c: checks an administrator's request member by member, and composes its entry. */
#include "wire/control.h"

#include <stdio.h>

#include "base/clock.h"
#include "mcp_auth/error.h"
#include "model/limits.h"
#include "wire/nearest.h"

struct reading {
    struct control_fields fields;
    struct bytes reason, named_tenant;
    const struct event_context *context;
    struct event_problem *problem;
};

static int refuse(struct reading *reading, enum error_code code, struct bytes member,
                  const char *reason)
{
    struct event_problem *problem = reading->problem;

    problem->code = code;
    clip_text(problem->member, sizeof problem->member, member);
    (void)snprintf(problem->reason, sizeof problem->reason, "%s", reason);
    return code == ERROR_WRONG_TENANT ? MCP_AUTH_E_REFUSED : MCP_AUTH_E_INVALID;
}

static bool has_controls(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f)
            return true;
    return false;
}

static int user_check(struct reading *reading, struct bytes user)
{
    if (user.size == 0 || user.size > USER_ID_SIZE_MAX || has_controls(user))
        return refuse(reading, ERROR_INVALID_MEMBER, BYTES("user_id"),
                      "must be of 1 to 256 bytes without control characters");
    reading->fields.user = user;
    return 0;
}

static int member_in(struct reading *reading, struct bytes name, const json_t *value)
{
    bool revokes = reading->fields.control == CONTROL_REVOCATION;
    struct bytes text = json_text(value);

    if (!bytes_equal(name, BYTES("reason")) && !bytes_equal(name, BYTES("tenant_id")) &&
        !(revokes && (bytes_equal(name, BYTES("user_id")) || bytes_equal(name, BYTES("token_id")))))
        return refuse(reading, ERROR_UNKNOWN_MEMBER, name,
                      revokes ? "is not known: user_id or token_id, and reason"
                              : "is not known: reason only");
    if (!bytes_present(text))
        return refuse(reading, ERROR_INVALID_MEMBER, name, "must be a string");
    if (bytes_equal(name, BYTES("user_id")))
        return user_check(reading, text);
    if (bytes_equal(name, BYTES("token_id"))) {
        if (text.size == 0 || text.size > TOKEN_ID_SIZE_MAX)
            return refuse(reading, ERROR_INVALID_MEMBER, name, "must be of 1 to 256 bytes");
        reading->fields.token_id = text;
    } else if (bytes_equal(name, BYTES("reason"))) {
        if (text.size > CONTROL_REASON_SIZE_MAX || has_controls(text))
            return refuse(reading, ERROR_INVALID_MEMBER, name,
                          "must be of at most 256 bytes without control characters");
        reading->reason = text;
    } else {
        if (text.size > TENANT_SIZE_MAX || has_controls(text))
            return refuse(reading, ERROR_INVALID_MEMBER, name,
                          "must be of at most 256 bytes without control characters");
        reading->named_tenant = text;
    }
    return 0;
}

static int members_in(struct reading *reading, json_t *object)
{
    const char *name;
    json_t *value;

    if (!json_is_object(object))
        return refuse(reading, ERROR_BAD_REQUEST, (struct bytes){0}, "must be an object");
    json_object_foreach(object, name, value)
    {
        int r = member_in(reading, bytes_of(name), value);

        if (r < 0)
            return r;
    }
    return 0;
}

static int whole_check(struct reading *reading)
{
    const struct event_context *context = reading->context;
    struct control_fields *fields = &reading->fields;

    if (bytes_present(fields->user) && bytes_present(fields->token_id))
        return refuse(reading, ERROR_INVALID_MEMBER, BYTES("token_id"),
                      "either user_id or token_id, not both");
    if (!bytes_present(fields->user) && !bytes_present(fields->token_id))
        return refuse(reading, ERROR_MISSING_MEMBER, BYTES("user_id"),
                      "user_id or token_id is required");
    fields->tenant = bytes_present(reading->named_tenant) ? reading->named_tenant : context->tenant;
    if (!bytes_present(fields->tenant))
        fields->tenant = BYTES("");
    if (!context->any_tenant && !bytes_equal(fields->tenant, context->tenant))
        return refuse(reading, ERROR_WRONG_TENANT, BYTES("tenant_id"),
                      "must be the administrator's own tenant, or left out");
    return 0;
}

static void put_text(struct strbuf *out, const char *name, struct bytes text)
{
    if (text.size == 0)
        return;
    json_put_name(out, name);
    json_put_string(out, text);
}

/* What other instances get (protocol, "Redis"); a client never does. */
static void compose(struct strbuf *out, const struct reading *reading)
{
    const struct control_fields *fields = &reading->fields;
    char timestamp[CLOCK_RFC3339_SIZE];

    clock_rfc3339(fields->time_ms, timestamp);
    strbuf_putc(out, '{');
    put_text(out, "type", event_control_text(fields->control));
    put_text(out, "id", fields->id);
    put_text(out, "timestamp", bytes_of(timestamp));
    put_text(out, "user_id", fields->user);
    put_text(out, "token_id", fields->token_id);
    put_text(out, "tenant_id", fields->tenant);
    put_text(out, "reason", reading->reason);
    strbuf_putc(out, '}');
}

static int make(struct event **ret, struct reading *reading)
{
    const struct event_context *context = reading->context;
    char id[UUID_SIZE];
    struct strbuf json;
    int r;

    reading->fields.time_ms = context->wall_ms;
    reading->fields.publisher = bytes_present(context->publisher) ? context->publisher : BYTES("");
    uuid7(context->random, context->wall_ms, id);
    reading->fields.id = (struct bytes){id, UUID_SIZE};
    strbuf_init(&json, EVENT_SIZE_MAX);
    compose(&json, reading);
    r = json.error ? json.error : event_new_control(ret, &reading->fields, strbuf_bytes(&json));
    strbuf_done(&json);
    return r;
}

int control_in(struct event **ret, enum event_control control, struct bytes user, struct bytes body,
               const struct event_context *context, struct event_problem *ret_problem)
{
    struct reading reading = {.fields.control = control,
                              .context = context,
                              .problem = ret_problem};
    struct json_problem bad = {{0}};
    json_t *object = NULL;
    int r = 0;

    if (control == CONTROL_DISCONNECT)
        r = user_check(&reading, user);
    if (r == 0 && (control == CONTROL_REVOCATION || body.size > 0)) {
        r = json_read(body, &object, &bad);
        if (r == MCP_AUTH_E_INVALID)
            r = refuse(&reading, ERROR_BAD_JSON, (struct bytes){0}, bad.text);
        else if (r == 0)
            r = members_in(&reading, object);
    }
    if (r == 0)
        r = whole_check(&reading);
    if (r == 0)
        r = make(ret, &reading);
    json_decref(object);
    return r;
}
