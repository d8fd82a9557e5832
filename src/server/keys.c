/* SPDX-License-Identifier: Apache-2.0 */
/* keys.c: the keyring of the configured keys: the shared secret, the PEM file, the key set. */
#include "server/keys.h"

#include <stdio.h>

#include "auth/jwk.h"
#include "mcp_auth/error.h"
#include "server/file_text.h"

/* A PEM file of a hundred certificates is about 200 KiB. */
#define PEM_SIZE_MAX (256u * 1024u)

bool keys_configured(const struct settings *settings)
{
    return bytes_present(settings->jwt_secret) || bytes_present(settings->jwt_public_key_file) ||
           bytes_present(settings->jwks_file) || bytes_present(settings->jwks_url);
}

bool keys_next_notice(struct bytes *rest, struct bytes *ret_line, bool *ret_refused)
{
    const char *end = rest->size ? memchr(rest->data, '\n', rest->size) : NULL;
    size_t size;

    if (!end)
        return false;
    size = (size_t)(end - rest->data);
    if (ret_refused)
        *ret_refused = rest->data[0] == '!';
    *ret_line = (struct bytes){rest->data + 1, size - 1};
    rest->data += size + 1;
    rest->size -= size + 1;
    return true;
}

static void key_problem(const struct keys_told *told, const char *name, const char *path,
                        const char *why)
{
    char text[9000];

    (void)snprintf(text, sizeof text, "%s: %s %s", name, path, why);
    told->problem(told->owner, text);
}

int keys_add_pem(struct keyring *ring, const char *name, const char *path,
                 const struct keys_told *told)
{
    const char *why = "cannot be read";
    struct strbuf pem;
    int r = file_text_read(&pem, name, path, PEM_SIZE_MAX, told->problem, told->owner);

    if (r == 0) {
        r = keyring_add_pem(ring, strbuf_bytes(&pem), &why);
        if (r == MCP_AUTH_E_INVALID || r == MCP_AUTH_E_FULL)
            key_problem(told, name, path, why);
    }
    strbuf_done(&pem);
    return r;
}

/* A set on its way in. */
struct set {
    const char *name;
    struct strbuf *notices;
};

static void noticed(void *owner, const struct jwk_notice *notice)
{
    const struct set *set = owner;

    strbuf_printf(set->notices, "%c%s: keys[%u]%s%s: %s\n", notice->refused ? '!' : ' ', set->name,
                  notice->index, notice->kid[0] ? " kid " : "", notice->kid, notice->why);
}

/* Why none of them is of use: what was noted from `at` on. */
static void tell_notices(const struct keys_told *told, size_t at)
{
    struct bytes rest = strbuf_bytes(told->notices), line;

    rest = (struct bytes){rest.data + at, rest.size - at};
    while (keys_next_notice(&rest, &line, NULL)) {
        char text[5200];

        (void)snprintf(text, sizeof text, "%.*s", (int)line.size, line.data);
        told->problem(told->owner, text);
    }
}

int keys_add_jwks(struct keyring *ring, const char *name, const char *path,
                  const struct keys_told *told)
{
    struct set set = {name, told->notices};
    size_t noted = told->notices->size;
    const char *why = "is not usable";
    struct strbuf text;
    int r = file_text_read(&text, name, path, JWKS_SIZE_MAX, told->problem, told->owner);

    if (r == 0) {
        r = keyring_add_jwks(ring, strbuf_bytes(&text), JWK_SECRETS_TOO, noticed, &set, &why);
        if (r == MCP_AUTH_E_INVALID)
            key_problem(told, name, path, why);
    }
    strbuf_done(&text);
    if (r < 0 || ring->keys_count > 0)
        return r < 0 ? r : 0;
    key_problem(told, name, path, "has no usable key, and there is no other");
    tell_notices(told, noted);
    return MCP_AUTH_E_INVALID;
}

/* An issuer signs for more than this server: its name and ours must be asked for. */
static int public_keys_check(const struct keyring *ring, const struct settings *settings,
                             const struct keys_told *told)
{
    static const unsigned hmac = BIT(JWT_HS256) | BIT(JWT_HS384) | BIT(JWT_HS512);
    /* With these the settings were asked already. */
    if (bytes_present(settings->jwt_public_key_file) || bytes_present(settings->jwks_url))
        return 0;
    if (!(keyring_algorithms(ring) & ~hmac) || (settings->issuer_given && settings->audience_given))
        return 0;
    if (!settings->issuer_given)
        told->problem(told->owner,
                      "MCP_AUTH_TOKEN_ISSUER is needed with public keys: an issuer signs for more "
                      "than this server; * is any");
    if (!settings->audience_given)
        told->problem(told->owner,
                      "MCP_AUTH_TOKEN_AUDIENCE is needed with public keys: an issuer signs for "
                      "more than this server; * is any");
    return MCP_AUTH_E_INVALID;
}

int keys_load(const struct settings *settings, const struct keys_told *told, struct keyring **ret)
{
    struct keyring *ring;
    const char *why = "is not usable";
    char text[400];
    int r = keyring_new(&ring, settings->jwt_algorithms), pem = 0, set = 0;

    if (r < 0)
        return r;
    if (bytes_present(settings->jwt_secret)) {
        r = keyring_add_secret(ring, settings->jwt_secret, &why);
        if (r == MCP_AUTH_E_INVALID) {
            (void)snprintf(text, sizeof text, "MCP_AUTH_JWT_SECRET %s", why);
            told->problem(told->owner, text);
        }
    }
    /* The paths of the settings end with a NUL. After a mistake the others are told as well. */
    if (bytes_present(settings->jwt_public_key_file))
        pem = keys_add_pem(ring, "MCP_AUTH_JWT_PUBLIC_KEY_FILE", settings->jwt_public_key_file.data,
                           told);
    if (bytes_present(settings->jwks_file)) {
        set = keys_add_jwks(ring, "MCP_AUTH_JWKS_FILE", settings->jwks_file.data, told);
        if (set == 0)
            set = public_keys_check(ring, settings, told);
    }
    if (r == 0)
        r = pem < 0 ? pem : set;
    if (r == 0 && ring->keys_count > 0 && keyring_algorithms(ring) == 0 &&
        !settings->algorithms_told) {
        told->problem(told->owner,
                      "MCP_AUTH_JWT_ALGORITHMS leaves no algorithm for the keys that are set");
        r = MCP_AUTH_E_INVALID;
    }
    if (r < 0) {
        keyring_unref(ring);
        return r;
    }
    *ret = ring;
    return 0;
}
