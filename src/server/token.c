/* SPDX-License-Identifier: Apache-2.0 */
/* token.c: the public calls on tokens: make one, and show what one says. */
#include "mcp_auth/token.h"

#include <assert.h>
#include <stdlib.h>

#include "auth/authenticate.h"
#include "base/base64url.h"
#include "base/clock.h"
#include "base/random.h"
#include "codec/jws.h"
#include "model/limits.h"
#include "server/issuers_file.h"
#include "server/options.h"
#include "server/token_compose.h"

/* The checker of the options has told the operator already; here only the result counts. */
static void quiet(void *owner, const char *text)
{
    (void)owner;
    (void)text;
}

void mcp_auth_text_free(char *text)
{
    if (!text)
        return;
    explicit_bzero(text, strlen(text));
    free(text);
}

int mcp_auth_token_mint(mcp_auth_options *options, const mcp_auth_token_claims *claims, char **ret)
{
    struct settings *settings = NULL;
    struct strbuf token;
    char *text;
    int r;

    assert(options && claims && ret && claims->size >= sizeof *claims);
    r = settings_finish(options_builder(options), quiet, NULL, &settings);
    if (r < 0)
        return r;
    strbuf_init(&token, TOKEN_SIZE_MAX);
    r = token_compose(settings, claims, &token);
    if (r == 0) {
        text = strbuf_steal(&token, NULL);
        r = text ? 0 : MCP_AUTH_E_NOMEM;
        if (r == 0)
            *ret = text;
    }
    strbuf_done(&token);
    settings_free(settings);
    return r;
}

/* One part of a token as JSON, decoded without the rules that a token to be trusted must keep. */
static int part_read(struct bytes part, json_t **ret)
{
    char *data = malloc(part.size + 1);
    int size, r;

    if (!data)
        return MCP_AUTH_E_NOMEM;
    size = base64url_decode(part, data);
    r = size < 0 ? size : json_read((struct bytes){data, (size_t)size}, ret, NULL);
    explicit_bzero(data, part.size + 1);
    free(data);
    return r;
}

/* Splits "header.claims.signature"; false when there are not exactly three parts. */
static bool split(struct bytes token, struct bytes parts[3])
{
    for (unsigned i = 0; i < 3; i++) {
        const char *dot = memchr(token.data, '.', token.size);
        size_t size = dot ? (size_t)(dot - token.data) : token.size;

        if ((dot == NULL) != (i == 2))
            return false;
        parts[i] = (struct bytes){token.data, size};
        token.data += dot ? size + 1 : size;
        token.size -= dot ? size + 1 : size;
    }
    return true;
}

/* "valid" or "invalid" by the keys, whatever the claims say. */
static const char *signature_word(const struct issuers *issuers, struct bytes token)
{
    const struct keyring *keys;
    struct jws jws;
    const char *why;
    int algorithm, r;

    if (issuers_keys_count(issuers) == 0)
        return "not checked";
    if (jws_read(token, &jws, &why) < 0)
        return "invalid";
    algorithm = jwt_algorithm_find(bytes_of(jws.alg));
    keys = issuers_find(issuers, json_member_text(jws.payload, "iss"))->keys;
    r = algorithm < 0
            ? algorithm
            : keyring_verify(keys, (enum jwt_algorithm)algorithm, jws.kid, jws.signed_part,
                             (struct bytes){(const char *)jws.signature, jws.signature_size}, NULL);
    jws_done(&jws);
    return r == 0 ? "valid" : "invalid";
}

/* Would a server with these settings let it in now? *ret_why says why not, NULL when it would. */
static int judge(const struct issuers *issuers, const struct settings *settings, struct bytes token,
                 const char **ret_why)
{
    struct fence_table fences;
    struct identity *identity = NULL;
    uint8_t seed[16];
    enum auth_result result;

    *ret_why = "no key to check it with";
    if (issuers_keys_count(issuers) == 0)
        return 0;
    random_kernel.fill(random_kernel.owner, seed, sizeof seed);
    fence_table_init(&fences, seed);
    result = authenticate(issuers, &settings->tokens, &fences, token, clock_now().wall_ms,
                          &identity, ret_why);
    if (result == AUTH_OK) {
        identity_unref(identity);
        *ret_why = NULL;
    }
    fence_table_done(&fences);
    return result == AUTH_NOMEM ? MCP_AUTH_E_NOMEM : 0;
}

int mcp_auth_token_inspect(mcp_auth_options *options, const char *token, char **ret)
{
    struct bytes text, parts[3];
    struct settings *settings = NULL;
    struct issuers *issuers = NULL;
    json_t *header = NULL, *claims = NULL;
    const char *why = NULL;
    struct strbuf out, notices;
    const struct keys_told told = {quiet, NULL, &notices};
    char *answer;
    int r;

    assert(options && token && ret);
    text = bytes_of(token);
    if (!split(text, parts))
        return MCP_AUTH_E_INVALID;
    strbuf_init(&out, 16 * TOKEN_SIZE_MAX);
    strbuf_init(&notices, KEYS_NOTICES_SIZE_MAX);
    r = part_read(parts[0], &header);
    if (r == 0)
        r = part_read(parts[1], &claims);
    if (r == 0)
        r = settings_finish(options_builder(options), quiet, NULL, &settings);
    if (r == 0)
        r = issuers_load(settings, &told, &issuers);
    if (r == 0)
        r = judge(issuers, settings, text, &why);
    if (r < 0)
        goto end;

    strbuf_puts(&out, "{\"header\":");
    json_put_value(&out, header);
    strbuf_puts(&out, ",\"claims\":");
    json_put_value(&out, claims);
    strbuf_printf(&out, ",\"signature\":\"%s\",\"accepted\":%s", signature_word(issuers, text),
                  why ? "false" : "true");
    if (why) {
        strbuf_puts(&out, ",\"why\":");
        json_put_string(&out, bytes_of(why));
    }
    strbuf_putc(&out, '}');
    answer = strbuf_steal(&out, NULL);
    if (!answer)
        r = out.error ? out.error : MCP_AUTH_E_NOMEM;
    else
        *ret = answer;
end:
    strbuf_done(&notices);
    strbuf_done(&out);
    issuers_unref(issuers);
    settings_free(settings);
    json_decref(header);
    json_decref(claims);
    return r;
}
