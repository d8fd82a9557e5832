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
           bytes_present(settings->jwks_file);
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

static void key_problem(settings_problem problem, void *owner, const char *name, const char *why)
{
    char text[4400];

    snprintf(text, sizeof text, "%s %s", name, why);
    problem(owner, text);
}

/* The paths of the settings end with a NUL. */
static int add_pem(struct keyring *ring, const char *path, settings_problem problem, void *owner)
{
    const char *why = "cannot be read";
    char name[4200];
    struct strbuf pem;
    int r =
        file_text_read(&pem, "MCP_AUTH_JWT_PUBLIC_KEY_FILE", path, PEM_SIZE_MAX, problem, owner);

    if (r == 0) {
        (void)snprintf(name, sizeof name, "MCP_AUTH_JWT_PUBLIC_KEY_FILE: %s", path);
        r = keyring_add_pem(ring, strbuf_bytes(&pem), &why);
        if (r == MCP_AUTH_E_INVALID)
            key_problem(problem, owner, name, why);
    }
    strbuf_done(&pem);
    return r;
}

/* Why none of them is of use. */
static void tell_notices(settings_problem problem, void *owner, const struct strbuf *notices)
{
    struct bytes rest = strbuf_bytes(notices), line;

    while (keys_next_notice(&rest, &line, NULL)) {
        char text[512];

        (void)snprintf(text, sizeof text, "MCP_AUTH_JWKS_FILE: %.*s", (int)line.size, line.data);
        problem(owner, text);
    }
}

static void noticed(void *owner, const struct jwk_notice *notice)
{
    strbuf_printf(owner, "%ckeys[%u]%s%s: %s\n", notice->refused ? '!' : ' ', notice->index,
                  notice->kid[0] ? " kid " : "", notice->kid, notice->why);
}

/* An issuer signs for more than this server: its name and ours must be asked for. */
static int public_keys_check(const struct keyring *ring, const struct settings *settings,
                             settings_problem problem, void *owner)
{
    static const unsigned hmac = BIT(JWT_HS256) | BIT(JWT_HS384) | BIT(JWT_HS512);
    const struct token_rules *rules = &settings->tokens;

    if (!(keyring_algorithms(ring) & ~hmac) ||
        (bytes_present(rules->issuer) && bytes_present(rules->audience)))
        return 0;
    if (!bytes_present(rules->issuer))
        problem(owner, "MCP_AUTH_TOKEN_ISSUER is needed with public keys: an issuer signs for more "
                       "than this server; * is any");
    if (!bytes_present(rules->audience))
        problem(owner, "MCP_AUTH_TOKEN_AUDIENCE is needed with public keys: an issuer signs for "
                       "more than this server; * is any");
    return MCP_AUTH_E_INVALID;
}

static int add_jwks(struct keyring *ring, const struct settings *settings, settings_problem problem,
                    void *owner, struct strbuf *notices)
{
    const char *path = settings->jwks_file.data, *why = "is not usable";
    char name[4200];
    struct strbuf text;
    int r = file_text_read(&text, "MCP_AUTH_JWKS_FILE", path, JWKS_SIZE_MAX, problem, owner);

    (void)snprintf(name, sizeof name, "MCP_AUTH_JWKS_FILE: %s", path);
    if (r == 0) {
        r = keyring_add_jwks(ring, strbuf_bytes(&text), JWK_SECRETS_TOO, noticed, notices, &why);
        if (r == MCP_AUTH_E_INVALID)
            key_problem(problem, owner, name, why);
    }
    strbuf_done(&text);
    if (r < 0)
        return r;
    if (ring->keys_count == 0) {
        key_problem(problem, owner, name, "has no usable key, and there is no other");
        tell_notices(problem, owner, notices);
        return MCP_AUTH_E_INVALID;
    }
    return public_keys_check(ring, settings, problem, owner);
}

int keys_load(const struct settings *settings, settings_problem problem, void *owner,
              struct strbuf *notices, struct keyring **ret)
{
    struct keyring *ring;
    struct strbuf unread;
    const char *why = "is not usable";
    int r = keyring_new(&ring, settings->jwt_algorithms);

    if (r < 0)
        return r;
    strbuf_init(&unread, KEYS_NOTICES_SIZE_MAX);
    if (bytes_present(settings->jwt_secret)) {
        r = keyring_add_secret(ring, settings->jwt_secret, &why);
        if (r == MCP_AUTH_E_INVALID)
            key_problem(problem, owner, "MCP_AUTH_JWT_SECRET", why);
    }
    if (r == 0 && bytes_present(settings->jwt_public_key_file))
        r = add_pem(ring, settings->jwt_public_key_file.data, problem, owner);
    if (r == 0 && bytes_present(settings->jwks_file))
        r = add_jwks(ring, settings, problem, owner, notices ? notices : &unread);
    strbuf_done(&unread);
    if (r == 0 && ring->keys_count > 0 && keyring_algorithms(ring) == 0) {
        problem(owner, "MCP_AUTH_JWT_ALGORITHMS leaves no algorithm for the keys that are set");
        r = MCP_AUTH_E_INVALID;
    }
    if (r < 0) {
        keyring_unref(ring);
        return r;
    }
    *ret = ring;
    return 0;
}
