/* SPDX-License-Identifier: Apache-2.0 */
/* bench_tokens.c: whose the connections of a load are, and who publishes. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "mcp_auth/client.h"
#include "mcp_auth/token.h"

#define USER_PREFIX "bench-"
#define DEFAULT_TENANT "bench" /* nobody else's: their administrators see nothing of it */
#define WHO_AM_I_MS 10000
/* Beyond the load itself: to come in, to settle, and clocks that differ. */
#define TOKEN_SECONDS_BESIDES 3600

static int mint(struct bench *bench, const char *user, const char *role, const char *permission,
                char **ret)
{
    const char *roles[] = {role, NULL}, *permissions[] = {permission, NULL};
    mcp_auth_token_claims claims = {
        .size = sizeof claims,
        .user = user,
        .tenant = bench->tenant,
        .roles = role ? roles : NULL,
        .permissions = permission ? permissions : NULL,
        .issued_at = (int64_t)time(NULL),
    };

    claims.expires_at = claims.issued_at + bench->duration + TOKEN_SECONDS_BESIDES;
    return mcp_auth_token_mint(bench->settings.options, &claims, ret);
}

/* For the engine: one user's token, kept until the next is asked for. */
static int minted(void *owner, unsigned user, const char **ret)
{
    struct bench *bench = owner;
    char name[32], *token = NULL;
    int r;

    snprintf(name, sizeof name, USER_PREFIX "%u", user);
    r = mint(bench, name, bench->targeted ? NULL : bench->admin_role, NULL, &token);
    if (r < 0)
        return r;
    mcp_auth_text_free(bench->last_token);
    *ret = bench->last_token = token;
    return 0;
}

static int given(void *owner, unsigned user, const char **ret)
{
    const struct bench *bench = owner;

    (void)user;
    *ret = bench->call.token;
    return 0;
}

/* The first of MCP_AUTH_ADMIN_ROLES: who has it receives events that name nobody. */
static void take_admin_role(struct bench *bench)
{
    mcp_auth_option_info info;

    snprintf(bench->admin_role, sizeof bench->admin_role, "admin");
    for (size_t i = 0; i < mcp_auth_options_count(); i++) {
        mcp_auth_options_info(bench->settings.options, i, &info);
        if (strcmp(info.name, "MCP_AUTH_ADMIN_ROLES") == 0 && *info.value)
            snprintf(bench->admin_role, sizeof bench->admin_role, "%.*s",
                     (int)strcspn(info.value, ", "), info.value);
    }
}

struct who {
    struct bench *bench;
    bool known;
};

static char *text_of(const char *json, size_t size, const char *member)
{
    struct bytes value;
    struct strbuf text;
    char *copy = NULL;

    if (!json_text_find((struct bytes){json, size}, member, &value))
        return NULL;
    strbuf_init(&text, 4096);
    json_text_decode(value, &text);
    copy = strbuf_steal(&text, NULL);
    strbuf_done(&text);
    return copy;
}

static void on_event(void *owner, mcp_auth_client *client, const mcp_auth_client_event *event)
{
    (void)owner, (void)client, (void)event;
}

static void on_control(void *owner, mcp_auth_client *client, const char *type, const char *json,
                       size_t json_size)
{
    struct who *who = owner;

    (void)client;
    if (strcmp(type, "auth_ok") != 0 || who->known)
        return;
    who->bench->user = text_of(json, json_size, "user_id");
    who->bench->user_tenant = text_of(json, json_size, "tenant_id");
    who->known = who->bench->user != NULL;
}

static void on_state(void *owner, mcp_auth_client *client, const mcp_auth_client_status *status)
{
    struct who *who = owner;

    (void)client;
    if (status->state == MCP_AUTH_CLIENT_STOPPED || status->state == MCP_AUTH_CLIENT_WAITING)
        say_error("bench", "%s: %s (%d)%s", who->bench->call.url, status->why, status->close_code,
                  status->close_code == 4001
                      ? ". Give a user's --token of this server; the API key does not sign in"
                      : "");
}

/* Events name the token's own user, who therefore receives them whatever else he may see. Only the
 * server knows by which claim it calls him: it is asked, by one session. */
static int who_am_i(struct bench *bench)
{
    struct who who = {.bench = bench};
    mcp_auth_client *client = NULL;
    mcp_auth_client_options options = {
        .size = sizeof options,
        .url = bench->call.url,
        .token = bench->call.token,
        .owner = &who,
        .on_event = on_event,
        .on_control = on_control,
        .on_state = on_state,
        .connect_timeout_ms = WHO_AM_I_MS,
    };
    int r = mcp_auth_client_open(&client, &options);
    enum mcp_auth_client_state state = MCP_AUTH_CLIENT_CONNECTING;

    if (r < 0) {
        say_error("bench", "%s: %s", bench->call.url,
                  r == MCP_AUTH_E_UNSUPPORTED
                      ? "this version speaks no TLS; use http:// or unix:PATH"
                      : "not an address such as " CALL_DEFAULT_URL
                        ", or the token holds a character it cannot have");
        return STATUS_USAGE;
    }
    while (r == 0 && !who.known && state != MCP_AUTH_CLIENT_WAITING) {
        r = mcp_auth_client_run(client, -1); /* ends by connect_timeout_ms */
        state = mcp_auth_client_state_of(client);
    }
    mcp_auth_client_close(client);
    return who.known ? STATUS_OK : STATUS_FAILURE;
}

static int use_given(struct bench *bench)
{
    const char *key = bench->api_key ? bench->api_key : getenv("MCP_AUTH_API_KEY");
    int status;

    if (bench->targeted || bench->users != bench->connections) {
        say_error("bench",
                  "%s needs MCP_AUTH_JWT_SECRET, to make tokens of several users; with "
                  "a --token there is one",
                  bench->targeted ? "--targeted" : "--users");
        return STATUS_USAGE;
    }
    status = who_am_i(bench);
    if (status != STATUS_OK)
        return status;
    bench->plan.users = 1;
    bench->plan.target = bench->user;
    bench->plan.token = given;
    bench->plan.publish_token = key && *key ? key : bench->call.token;
    if (key && *key && bench->user_tenant && *bench->user_tenant)
        bench->plan.tenant = bench->user_tenant;
    return STATUS_OK;
}

static int use_minted(struct bench *bench)
{
    int r;

    if (!bench->tenant)
        bench->tenant = DEFAULT_TENANT;
    take_admin_role(bench);
    r = mint(bench, USER_PREFIX "publisher", NULL, "realtime:publish", &bench->publish_token);
    if (r == MCP_AUTH_E_INVALID) {
        say_error("bench", "no token: set MCP_AUTH_JWT_SECRET (or its _FILE) to the server's "
                           "secret, so that a token can be made for each connection, or give one "
                           "user's --token; `serve --dev` prints an administrator's");
        return STATUS_USAGE;
    }
    if (r < 0) {
        say_error("bench", "no token can be made: %s", mcp_auth_strerror(r));
        return STATUS_FAILURE;
    }
    bench->mints = true;
    bench->plan.users = (unsigned)bench->users;
    bench->plan.one_by_one = bench->targeted;
    bench->plan.target = bench->targeted ? USER_PREFIX : NULL;
    bench->plan.token = minted;
    bench->plan.publish_token = bench->api_key ? bench->api_key : bench->publish_token;
    bench->plan.tenant = bench->tenant;
    return STATUS_OK;
}

static bool can_mint(const struct bench *bench)
{
    mcp_auth_option_info info;

    for (size_t i = 0; i < mcp_auth_options_count(); i++) {
        mcp_auth_options_info(bench->settings.options, i, &info);
        if (strcmp(info.name, "MCP_AUTH_JWT_SECRET") == 0)
            return *info.value != '\0';
    }
    return false;
}

int bench_tokens(struct bench *bench)
{
    const bool by_flag = bench->call.token || bench->call.token_file;
    int status;

    cli_settings_load(&bench->settings);
    if (bench->settings.problems ||
        mcp_auth_options_check(bench->settings.options, false, cli_settings_problem,
                               &bench->settings) < 0)
        return STATUS_FAILURE;
    status = call_resolve(&bench->call, false);
    if (status != STATUS_OK)
        return status;
    if (!by_flag && can_mint(bench))
        return use_minted(bench);
    return bench->call.token && *bench->call.token ? use_given(bench) : use_minted(bench);
}

void bench_tokens_done(struct bench *bench)
{
    mcp_auth_text_free(bench->publish_token);
    mcp_auth_text_free(bench->last_token);
    free(bench->user);
    free(bench->user_tenant);
}
