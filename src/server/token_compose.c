/* SPDX-License-Identifier: Apache-2.0 */
/* token_compose.c: a new token: its claims under the configured names, signed with the secret. */
#include "server/token_compose.h"

#include <assert.h>

#include "auth/keyring.h"
#include "auth/token_mint.h"
#include "codec/json.h"

/* A payload that is larger makes a token over the 16 KiB that any server here takes. */
#define PAYLOAD_SIZE_MAX (12u * 1024u)
#define STEP_SIZE_MAX 256u

/* The next step of a JSON Pointer, unescaped (RFC 6901 section 4); the pointer moves behind it. */
static size_t next_step(struct bytes *pointer, char ret[STEP_SIZE_MAX + 1])
{
    size_t size = 0, i = 1;

    assert(pointer->size && pointer->data[0] == '/' && pointer->size <= STEP_SIZE_MAX);
    for (; i < pointer->size && pointer->data[i] != '/'; i++) {
        if (pointer->data[i] == '~' && i + 1 < pointer->size)
            ret[size++] = pointer->data[++i] == '0' ? '~' : '/';
        else
            ret[size++] = pointer->data[i];
    }
    ret[size] = '\0';
    pointer->data += i;
    pointer->size -= i;
    return size;
}

/* Puts `value` (taken in every case, NULL is a failure) where the claim's name says, making the
 * objects on the way. Two names of which one lies within the other's value cannot both be put. */
static int put_claim(json_t *payload, struct bytes name, json_t *value)
{
    char step[STEP_SIZE_MAX + 1];
    json_t *object = payload;

    if (!value)
        return MCP_AUTH_E_INVALID;
    if (name.data[0] != '/') {
        memcpy(step, name.data, name.size);
        step[name.size] = '\0';
        name.size = 0;
    } else {
        next_step(&name, step);
    }
    while (name.size) {
        json_t *inner = json_object_get(object, step);

        if (!inner && json_object_set_new(object, step, inner = json_object()) < 0)
            inner = NULL;
        if (!json_is_object(inner)) {
            json_decref(value);
            return MCP_AUTH_E_INVALID;
        }
        object = inner;
        next_step(&name, step);
    }
    if (json_object_get(object, step)) {
        json_decref(value);
        return MCP_AUTH_E_INVALID;
    }
    return json_object_set_new(object, step, value) < 0 ? MCP_AUTH_E_INVALID : 0;
}

/* NULL when one of them is not UTF-8, or for want of memory. */
static json_t *array_of(const char *const *texts)
{
    json_t *array = json_array();

    for (; array && *texts; texts++) {
        if (json_array_append_new(array, json_string(*texts)) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static int put_text(json_t *payload, struct bytes name, const char *text)
{
    return text ? put_claim(payload, name, json_string(text)) : 0;
}

static int put_array(json_t *payload, struct bytes name, const char *const *texts)
{
    return texts && texts[0] ? put_claim(payload, name, array_of(texts)) : 0;
}

/* "*" is any: then the token says none. */
static int put_configured(json_t *payload, const char *name, struct bytes value)
{
    if (!bytes_present(value) || bytes_equal(value, BYTES("*")))
        return 0;
    return put_claim(payload, bytes_of(name), json_stringn(value.data, value.size));
}

static int put_all(json_t *payload, const struct settings *settings,
                   const mcp_auth_token_claims *claims)
{
    const struct claims_map *map = &settings->tokens.claims;
    int r = put_text(payload, map->user, claims->user);

    if (r == 0)
        r = put_text(payload, map->name, claims->name);
    if (r == 0)
        r = put_text(payload, map->tenant, claims->tenant);
    if (r == 0)
        r = put_array(payload, map->roles, claims->roles);
    if (r == 0)
        r = put_array(payload, map->permissions, claims->permissions);
    if (r == 0)
        r = put_claim(payload, BYTES("iat"), json_integer(claims->issued_at));
    if (r == 0)
        r = put_claim(payload, BYTES("exp"), json_integer(claims->expires_at));
    if (r == 0)
        r = put_configured(payload, "iss", settings->tokens.issuer);
    if (r == 0)
        r = put_configured(payload, "aud", settings->tokens.audience);
    return r;
}

int token_compose(const struct settings *settings, const mcp_auth_token_claims *claims,
                  struct strbuf *out)
{
    struct strbuf text;
    json_t *payload;
    int r;

    if (!bytes_present(settings->jwt_secret) || !claims->user || !claims->user[0])
        return MCP_AUTH_E_INVALID;
    if (settings->jwt_algorithms && !(settings->jwt_algorithms & BIT(JWT_HS256)))
        return MCP_AUTH_E_UNSUPPORTED;
    payload = json_object();
    if (!payload)
        return MCP_AUTH_E_NOMEM;
    strbuf_init(&text, PAYLOAD_SIZE_MAX);
    r = put_all(payload, settings, claims);
    if (r == 0) {
        json_put_value(&text, payload);
        r = text.error;
    }
    if (r == 0)
        r = token_mint(out, settings->jwt_secret, strbuf_bytes(&text));
    strbuf_done(&text);
    json_decref(payload);
    return r;
}
