/* SPDX-License-Identifier: Apache-2.0 */
/* keys.c: the keyring of the configured keys: the shared secret and the PEM file. */
#include "server/keys.h"

#include <errno.h>
#include <stdio.h>

#include "mcp_auth/error.h"

/* A PEM file of a hundred certificates is about 200 KiB. */
#define PEM_SIZE_MAX (256u * 1024u)

bool keys_configured(const struct settings *settings)
{
    return bytes_present(settings->jwt_secret) || bytes_present(settings->jwt_public_key_file);
}

static void key_problem(settings_problem problem, void *owner, const char *name, const char *why)
{
    char text[4400];

    snprintf(text, sizeof text, "%s %s", name, why);
    problem(owner, text);
}

/* The paths of the settings end with a NUL. */
static int add_file(struct keyring *ring, const char *path, settings_problem problem, void *owner)
{
    FILE *file = fopen(path, "re");
    const char *why = "cannot be read";
    char name[4200];
    struct strbuf pem;
    char *data;
    size_t size;
    int r;

    snprintf(name, sizeof name, "MCP_AUTH_JWT_PUBLIC_KEY_FILE: %s", path);
    if (!file) {
        key_problem(problem, owner, name, strerror(errno));
        return MCP_AUTH_E_IO;
    }
    strbuf_init(&pem, PEM_SIZE_MAX + 1);
    data = strbuf_reserve(&pem, PEM_SIZE_MAX + 1);
    r = data ? 0 : MCP_AUTH_E_NOMEM;
    size = data ? fread(data, 1, PEM_SIZE_MAX + 1, file) : 0;
    if (r == 0 && (ferror(file) || size > PEM_SIZE_MAX)) {
        key_problem(problem, owner, name, ferror(file) ? why : "is larger than 256 KiB");
        r = MCP_AUTH_E_IO;
    } else if (r == 0) {
        strbuf_added(&pem, size);
        r = keyring_add_pem(ring, strbuf_bytes(&pem), &why);
        if (r == MCP_AUTH_E_INVALID)
            key_problem(problem, owner, name, why);
    }
    strbuf_done(&pem);
    fclose(file);
    return r;
}

int keys_load(const struct settings *settings, settings_problem problem, void *owner,
              struct keyring **ret)
{
    struct keyring *ring;
    const char *why = "is not usable";
    int r = keyring_new(&ring, settings->jwt_algorithms);

    if (r < 0)
        return r;
    if (bytes_present(settings->jwt_secret)) {
        r = keyring_add_secret(ring, settings->jwt_secret, &why);
        if (r == MCP_AUTH_E_INVALID)
            key_problem(problem, owner, "MCP_AUTH_JWT_SECRET", why);
    }
    if (r == 0 && bytes_present(settings->jwt_public_key_file))
        r = add_file(ring, settings->jwt_public_key_file.data, problem, owner);
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
