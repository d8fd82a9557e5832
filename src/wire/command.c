/* SPDX-License-Identifier: Apache-2.0 */
/* command.c: checks a client's message member by member. */
#include "wire/command.h"

#include <stdarg.h>
#include <stdio.h>

#include "mcp_auth/error.h"
#include "wire/nearest.h"

PRINTF_LIKE(2, 3)
static int refuse(struct command_problem *problem, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(problem->reason, sizeof problem->reason, format, list);
    va_end(list);
    return MCP_AUTH_E_INVALID;
}

/* The name is the sender's: clipped, so that the rest of the reason has room. */
static int refuse_member(struct command_problem *problem, const char *where, struct bytes name)
{
    char shown[65];

    clip_text(shown, sizeof shown, name);
    return refuse(problem, "%s: unknown member '%s'", where, shown);
}

/* What a filter is made of while it is read; borrowed from the JSON. */
struct filter_reading {
    uint32_t types;
    int level_min;
    bool has_resources;
    unsigned resources_count;
    struct bytes resources[FILTER_RESOURCES_MAX];
};

static int types_in(struct filter_reading *reading, const json_t *value,
                    struct command_problem *problem)
{
    size_t index;
    json_t *element;

    if (!json_is_array(value))
        return refuse(problem, "event_types: must be an array of strings");
    reading->types = 0;
    json_array_foreach(value, index, element)
    {
        struct bytes text = json_text(element), near;
        int type;

        if (!bytes_present(text))
            return refuse(problem, "event_types: must be an array of strings");
        type = event_type_find(text);
        if (type >= 0) {
            reading->types |= BIT(type);
            continue;
        }
        near = nearest_event_type(text);
        if (bytes_present(near))
            return refuse(problem, "event_types: item %zu is not known; did you mean %.*s?", index,
                          (int)near.size, near.data);
        return refuse(problem, "event_types: item %zu is not an event type known here", index);
    }
    return 0;
}

static int resources_in(struct filter_reading *reading, const json_t *value,
                        struct command_problem *problem)
{
    size_t index;
    json_t *element;

    if (!json_is_array(value))
        return refuse(problem, "resources: must be an array of strings");
    if (json_array_size(value) > FILTER_RESOURCES_MAX)
        return refuse(problem, "resources: more than %u", FILTER_RESOURCES_MAX);
    reading->has_resources = true;
    json_array_foreach(value, index, element)
    {
        struct bytes text = json_text(element);

        if (!bytes_present(text))
            return refuse(problem, "resources: must be an array of strings");
        if (text.size > RESOURCE_SIZE_MAX)
            return refuse(problem, "resources: item %zu is longer than %u bytes", index,
                          RESOURCE_SIZE_MAX);
        reading->resources[reading->resources_count++] = text;
    }
    return 0;
}

static int level_in(struct filter_reading *reading, const json_t *value,
                    struct command_problem *problem)
{
    struct bytes text = json_text(value);

    if (!bytes_present(text))
        return refuse(problem, "min_security_level: must be a string");
    reading->level_min = level_rank(text);
    if (reading->level_min < 0)
        return refuse(problem,
                      "min_security_level: must be LOW, INFO, MEDIUM, WARNING, HIGH or CRITICAL");
    return 0;
}

/* A filter from the members of `object`, which may also have a `type` where it is the message
 * itself. One that passes everything is none. */
static int filter_in(json_t *object, bool is_message, struct filter **ret,
                     struct command_problem *problem)
{
    struct filter_reading reading = {.types = FILTER_ALL_TYPES};
    const char *text;
    json_t *value;

    json_object_foreach(object, text, value)
    {
        struct bytes name = bytes_of(text);
        int r;

        if (bytes_equal(name, BYTES("event_types")))
            r = types_in(&reading, value, problem);
        else if (bytes_equal(name, BYTES("resources")))
            r = resources_in(&reading, value, problem);
        else if (bytes_equal(name, BYTES("min_security_level")))
            r = level_in(&reading, value, problem);
        else if (is_message && bytes_equal(name, BYTES("type")))
            r = 0;
        else
            r = refuse_member(problem, "subscribe", name);
        if (r < 0)
            return r;
    }
    if (reading.types == FILTER_ALL_TYPES && reading.level_min == 0 && !reading.has_resources) {
        *ret = NULL;
        return 0;
    }
    return filter_new(ret, reading.types, reading.level_min, reading.has_resources,
                      reading.resources, reading.resources_count);
}

static int auth_in(struct command *command, struct command_problem *problem)
{
    const char *text;
    json_t *value;

    json_object_foreach(command->json, text, value)
    {
        struct bytes name = bytes_of(text);
        int r;

        if (bytes_equal(name, BYTES("type")))
            continue;
        if (bytes_equal(name, BYTES("token"))) {
            command->token = json_text(value);
            if (!bytes_present(command->token))
                return refuse(problem, "token: must be a string");
        } else if (bytes_equal(name, BYTES("position"))) {
            command->position = json_text(value);
            if (!bytes_present(command->position))
                return refuse(problem, "position: must be a string");
        } else if (bytes_equal(name, BYTES("subscribe"))) {
            if (!json_is_object(value))
                return refuse(problem, "subscribe: must be an object");
            command->has_subscribe = true;
            r = filter_in(value, false, &command->filter, problem);
            if (r < 0)
                return r;
        } else {
            return refuse_member(problem, "auth", name);
        }
    }
    return 0;
}

static int ping_id_in(const json_t *value, struct command_problem *problem)
{
    struct strbuf written;
    int r;

    strbuf_init(&written, PING_ID_SIZE_MAX);
    json_put_value(&written, value);
    r = written.error;
    strbuf_done(&written);
    if (r == MCP_AUTH_E_TOO_BIG)
        return refuse(problem, "id: longer than %u bytes when written", PING_ID_SIZE_MAX);
    return r;
}

static int ping_in(struct command *command, struct command_problem *problem)
{
    const char *text;
    json_t *value;

    json_object_foreach(command->json, text, value)
    {
        struct bytes name = bytes_of(text);
        int r;

        if (bytes_equal(name, BYTES("type")))
            continue;
        if (!bytes_equal(name, BYTES("id")))
            return refuse_member(problem, "ping", name);
        r = ping_id_in(value, problem);
        if (r < 0)
            return r;
        command->ping_id = value;
    }
    return 0;
}

static int object_in(struct command *command, struct command_problem *problem)
{
    struct bytes type = json_member_text(command->json, "type");

    if (!json_is_object(command->json))
        return refuse(problem, "a message must be an object");
    if (!bytes_present(type))
        return refuse(problem, "type: must be a string");
    if (bytes_equal(type, BYTES("auth"))) {
        problem->is_auth = true;
        command->type = COMMAND_AUTH;
        return auth_in(command, problem);
    }
    if (bytes_equal(type, BYTES("subscribe"))) {
        command->type = COMMAND_SUBSCRIBE;
        command->has_subscribe = true;
        return filter_in(command->json, true, &command->filter, problem);
    }
    if (bytes_equal(type, BYTES("ping"))) {
        command->type = COMMAND_PING;
        return ping_in(command, problem);
    }
    return refuse(problem, "type: must be auth, subscribe or ping");
}

int command_read(struct bytes text, struct command *ret, struct command_problem *ret_problem)
{
    struct command command = {0};
    struct json_problem json_problem = {.why = ""};
    int r;

    *ret_problem = (struct command_problem){0};
    r = json_read_brief(text, &command.json, &json_problem);
    if (r == MCP_AUTH_E_INVALID)
        return refuse(ret_problem, "not valid JSON: %.120s", json_problem.text);
    if (r < 0)
        return r;
    r = object_in(&command, ret_problem);
    if (r < 0) {
        command_done(&command);
        return r;
    }
    *ret = command;
    return 0;
}

/* A token in freed memory could be read by whoever finds a way to read our memory. */
static void wipe_token(json_t *json)
{
    struct bytes token = json_member_text(json, "token");

    if (token.size > 0)
        explicit_bzero((char *)(uintptr_t)token.data, token.size);
}

void command_done(struct command *command)
{
    wipe_token(command->json);
    json_decref(command->json);
    filter_free(command->filter);
    *command = (struct command){0};
}
