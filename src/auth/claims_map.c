/* SPDX-License-Identifier: Apache-2.0 */
/* claims_map.c: which claim of a token means what, and reading them. */
#include "auth/claims_map.h"

#include <stdlib.h>

#include "mcp_auth/error.h"
#include "model/limits.h"

/* One step of a JSON Pointer, unescaped (RFC 6901 section 4) and terminated. */
static bool unescape(struct bytes step, char ret[CLAIM_NAME_SIZE_MAX + 1])
{
    size_t size = 0;

    if (step.size > CLAIM_NAME_SIZE_MAX)
        return false;
    for (size_t i = 0; i < step.size; i++) {
        char c = step.data[i];

        if (c == '\0')
            return false;
        if (c == '~') {
            if (++i == step.size || (step.data[i] != '0' && step.data[i] != '1'))
                return false;
            c = step.data[i] == '0' ? '~' : '/';
        }
        ret[size++] = c;
    }
    ret[size] = '\0';
    return true;
}

/* Digits without leading zeros. "-", the place after the last, is never there to be read. */
static const json_t *array_step(const json_t *array, const char *step)
{
    size_t index = 0, digits = strspn(step, "0123456789");

    if (digits == 0 || step[digits] != '\0' || (step[0] == '0' && digits > 1) || digits > 9)
        return NULL;
    for (; *step; step++)
        index = index * 10 + (size_t)(*step - '0');
    return json_array_get(array, index); /* NULL beyond the end */
}

static const json_t *pointer_find(const json_t *value, struct bytes pointer)
{
    char step[CLAIM_NAME_SIZE_MAX + 1];

    while (value && pointer.size > 0) {
        const char *start = pointer.data + 1; /* behind the '/' */
        size_t left = pointer.size - 1;
        const char *slash = memchr(start, '/', left);
        size_t size = slash ? (size_t)(slash - start) : left;

        if (!unescape((struct bytes){start, size}, step))
            return NULL;
        if (json_is_object(value))
            value = json_object_get(value, step);
        else if (json_is_array(value))
            value = array_step(value, step);
        else
            value = NULL;
        pointer = (struct bytes){start + size, left - size};
    }
    return value;
}

const json_t *claims_find(const json_t *payload, struct bytes name)
{
    char text[CLAIM_NAME_SIZE_MAX + 1];

    if (name.size > 0 && name.data[0] == '/')
        return pointer_find(payload, name);
    if (!bytes_present(name) || name.size > CLAIM_NAME_SIZE_MAX ||
        (name.size > 0 && memchr(name.data, '\0', name.size)))
        return NULL;
    if (name.size > 0)
        memcpy(text, name.data, name.size);
    text[name.size] = '\0';
    return json_object_get(payload, text);
}

/* Unicode's class Cc: C0, DEL, and C1 as UTF-8 spells it (C2 80 to C2 9F). */
static bool has_controls(struct bytes text)
{
    const unsigned char *p = (const unsigned char *)text.data;

    for (size_t i = 0; i < text.size; i++) {
        if (p[i] < 0x20 || p[i] == 0x7f)
            return true;
        if (p[i] == 0xc2 && i + 1 < text.size && p[i + 1] < 0xa0)
            return true;
    }
    return false;
}

static int refuse(const char **ret_why, const char *why)
{
    *ret_why = why;
    return MCP_AUTH_E_INVALID;
}

struct list_rules {
    size_t size_max;
    const char *wrong_type, *wrong_text;
};

/* Appends to items, which has room for all. A name that no fence could ever name (too long, or
 * with controls) would be one that cannot be withdrawn. */
static int read_item(const json_t *value, const struct list_rules *rules, struct bytes *items,
                     unsigned *count, const char **ret_why)
{
    struct bytes text = json_text(value);

    if (!bytes_present(text))
        return refuse(ret_why, rules->wrong_type);
    if (text.size > rules->size_max || has_controls(text))
        return refuse(ret_why, rules->wrong_text);
    if (text.size > 0) /* "" is how some issuers say none */
        items[(*count)++] = text;
    return 0;
}

static int read_list(const json_t *value, const struct list_rules *rules, struct bytes *items,
                     unsigned *ret_count, const char **ret_why)
{
    unsigned count = 0;
    int r = 0;

    if (json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(value) && r == 0; i++)
            r = read_item(json_array_get(value, i), rules, items, &count, ret_why);
    } else if (value) {
        r = read_item(value, rules, items, &count, ret_why);
    }
    if (r < 0)
        return r;
    *ret_count = count;
    return 0;
}

static size_t list_size(const json_t *value)
{
    return json_is_array(value) ? json_array_size(value) : value ? 1 : 0;
}

static int read_lists(const json_t *payload, const struct claims_map *map, struct claims_room *room,
                      const char **ret_why)
{
    static const struct list_rules role_rules = {
        ROLE_SIZE_MAX,
        "the roles claim is neither a string nor an array of strings",
        "a role is too long or has control characters",
    };
    static const struct list_rules permission_rules = {
        PERMISSION_SIZE_MAX,
        "the permissions claim is neither a string nor an array of strings",
        "a permission is too long or has control characters",
    };
    const json_t *roles = claims_find(payload, map->roles);
    const json_t *permissions = claims_find(payload, map->permissions);
    struct claims *claims = &room->claims;
    size_t count = list_size(roles) + list_size(permissions);
    int r;

    if (count > CLAIM_ITEMS_MAX)
        return refuse(ret_why, "too many roles and permissions");
    if (count == 0)
        return 0;
    room->items = calloc(count, sizeof *room->items);
    if (!room->items)
        return MCP_AUTH_E_NOMEM;

    r = read_list(roles, &role_rules, room->items, &claims->roles_count, ret_why);
    if (r < 0)
        return r;
    claims->roles = room->items;
    claims->permissions = room->items + claims->roles_count;
    return read_list(permissions, &permission_rules, room->items + claims->roles_count,
                     &claims->permissions_count, ret_why);
}

static int read_who(const json_t *payload, const struct claims_map *map, struct claims *claims,
                    const char **ret_why)
{
    const json_t *tenant = claims_find(payload, map->tenant);
    const json_t *name = claims_find(payload, map->name);
    const json_t *token_id = json_object_get(payload, "jti");

    claims->user = json_text(claims_find(payload, map->user));
    if (!bytes_present(claims->user))
        return refuse(ret_why, "the user claim is missing or not a string");
    if (claims->user.size == 0 || claims->user.size > USER_ID_SIZE_MAX ||
        has_controls(claims->user))
        return refuse(ret_why, "the user id is empty, too long or has control characters");

    claims->tenant = tenant ? json_text(tenant) : BYTES("");
    if (!bytes_present(claims->tenant))
        return refuse(ret_why, "the tenant claim is not a string");
    if (claims->tenant.size > TENANT_SIZE_MAX || has_controls(claims->tenant))
        return refuse(ret_why, "the tenant is too long or has control characters");

    claims->name = json_text(name);
    if (name && !bytes_present(claims->name))
        return refuse(ret_why, "the name claim is not a string");
    claims->token_id = json_text(token_id);
    if (token_id && !bytes_present(claims->token_id))
        return refuse(ret_why, "jti is not a string");
    return 0;
}

int claims_read(const json_t *payload, const struct claims_map *map, struct claims_room *ret,
                const char **ret_why)
{
    struct claims_room room = {.claims.issued_at_ms = NO_TIME};
    int r;

    *ret_why = "out of memory";
    r = read_who(payload, map, &room.claims, ret_why);
    if (r < 0)
        return r;
    r = read_lists(payload, map, &room, ret_why);
    if (r < 0) {
        free(room.items);
        return r;
    }
    *ret_why = NULL;
    *ret = room;
    return 0;
}
