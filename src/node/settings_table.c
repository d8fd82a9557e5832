/* SPDX-License-Identifier: Apache-2.0 */
/* settings_table.c: every setting of this version, and the names of those still to come. */
#include "node/settings_table.h"

#include <string.h>

#include "keys/key_url.h"
#include "mcp_auth/error.h"

#define PLACE(member) offsetof(struct settings, member), sizeof(((struct settings *)0)->member)

#define SECOND INT64_C(1000)
#define DAY (INT64_C(86400) * SECOND)
#define PATH_SIZE_MAX 4096

/* name, flag, type, default, min, max, unit, choices, check, secret, empty counts, place, help */
const struct setting_rule setting_rules[] = {
    {"WEBSOCKET_HEARTBEAT_INTERVAL", "--websocket-heartbeat-interval", SETTING_SECONDS, "30", 100,
     3600 * SECOND, "seconds", NULL, NULL, false, false, PLACE(heartbeat_ms),
     "time between two pings of a connection; one without an answer closes it"},
    {"WEBSOCKET_MAX_CONNECTIONS", "--websocket-max-connections", SETTING_NUMBER, "1000", 1,
     10000000, "connections", NULL, NULL, false, false, PLACE(max_connections),
     "signed-in connections of this process; one more is closed 4204"},
    {"WEBSOCKET_RATE_LIMIT_MESSAGES", "--websocket-rate-limit-messages", SETTING_NUMBER, "100", 1,
     1000000, "messages", NULL, NULL, false, false, PLACE(rate_messages),
     "messages a client may send within the window; one more closes it 4203"},
    {"WEBSOCKET_RATE_LIMIT_WINDOW", "--websocket-rate-limit-window", SETTING_SECONDS, "60", 100,
     DAY, "seconds", NULL, NULL, false, false, PLACE(rate_window_ms),
     "the window of WEBSOCKET_RATE_LIMIT_MESSAGES"},
    {"REDIS_URL", "--redis-url", SETTING_URL, "", 1, SETTING_SIZE_MAX,
     "redis://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE], rediss:// or unix:///PATH[?db=DATABASE]",
     NULL, NULL, true, false, PLACE(redis_url),
     "the Redis that instances share their events by; unset: events stay on this instance"},
    {"REDIS_PASSWORD", "--redis-password", SETTING_TEXT, "", 1, SETTING_SIZE_MAX, "bytes", NULL,
     NULL, true, false, PLACE(redis_password),
     "password of that Redis; one that stands in REDIS_URL wins"},
    {"MCP_AUTH_BUS_DEADLINE_MS", "--bus-deadline-ms", SETTING_NUMBER, "100", 1, 60000,
     "milliseconds", NULL, NULL, false, false, PLACE(bus_deadline_ms),
     "an event that is not back from Redis by then is delivered by this instance alone"},
    {"MCP_AUTH_MAX_ISOLATION", "--max-isolation", SETTING_SECONDS, "0", 0, DAY, "seconds", NULL,
     NULL, false, false, PLACE(max_isolation_ms),
     "without Redis for longer, every connection is closed 4206 until it is back; 0: never"},
    {"MCP_AUTH_REDIS_PLAIN", "--redis-plain", SETTING_CHOICE, "accept", 0, 0, NULL,
     "accept|no-effects|off", NULL, false, false, PLACE(redis_plain),
     "events that other programs PUBLISH on the channel: taken in, without effects, or not at all"},
    {"MCP_AUTH_REDIS_PREFIX", "--redis-prefix", SETTING_TEXT, "", 1, 128,
     "letters, digits, _ . : -", NULL, setting_check_prefix, false, false, PLACE(redis_prefix),
     "put before the names of channel and keys, where several fleets share a Redis"},
    {"MCP_AUTH_REDIS_CA_FILE", "--redis-ca-file", SETTING_TEXT, "", 1, PATH_SIZE_MAX, "a path",
     NULL, setting_check_plain, false, false, PLACE(redis_ca_file),
     "PEM file of who may vouch for a Redis at rediss://, instead of the system's"},
    {"MCP_AUTH_LISTEN", "--listen", SETTING_LIST, "localhost:8000", 1, PATH_SIZE_MAX,
     "HOST:PORT or unix:PATH, with commas between", NULL, setting_check_address, false, true,
     PLACE(listen), "addresses to listen on; localhost is both loopbacks, port 0 any free port"},
    {"MCP_AUTH_METRICS_LISTEN", "--metrics-listen", SETTING_LIST, "", 1, PATH_SIZE_MAX,
     "HOST:PORT or unix:PATH, with commas between", NULL, setting_check_address, false, false,
     PLACE(metrics_listen),
     "addresses where /metrics, /readyz and /healthz answer whoever reaches them; unset: none"},
    {"MCP_AUTH_WORKERS", "--workers", SETTING_NUMBER, "", 1, 256, "threads", NULL, NULL, false,
     false, PLACE(workers), "threads that serve connections; unset: one for each core"},
    {"MCP_AUTH_HISTORY_EVENTS", "--history-events", SETTING_NUMBER, "100000", 0, 10000000, "events",
     NULL, NULL, false, false, PLACE(history_events),
     "events kept in memory for clients that come back"},
    {"MCP_AUTH_HISTORY_SECONDS", "--history-seconds", SETTING_SECONDS, "86400", 100, 365 * DAY,
     "seconds", NULL, NULL, false, false, PLACE(history_ms), "how long an event is kept"},
    {"MCP_AUTH_DEDUPE_SECONDS", "--dedupe-seconds", SETTING_SECONDS, "600", 0, DAY, "seconds", NULL,
     NULL, false, false, PLACE(dedupe_ms),
     "how long an event's id is remembered, so that a repeated one is not delivered again"},
    {"MCP_AUTH_JWT_SECRET", "--jwt-secret", SETTING_TEXT, "", 32, SETTING_SIZE_MAX, "bytes", NULL,
     NULL, true, false, PLACE(jwt_secret),
     "shared secret of HS256 tokens (HS384 needs 48 bytes, HS512 64)"},
    {"MCP_AUTH_JWT_PUBLIC_KEY_FILE", "--jwt-public-key-file", SETTING_TEXT, "", 1, PATH_SIZE_MAX,
     "a path", NULL, setting_check_plain, false, false, PLACE(jwt_public_key_file),
     "PEM file of the public keys of RS, PS, ES and EdDSA tokens"},
    {"MCP_AUTH_JWKS_FILE", "--jwks-file", SETTING_TEXT, "", 1, PATH_SIZE_MAX, "a path", NULL,
     setting_check_plain, false, false, PLACE(jwks_file),
     "JSON Web Key Set of the keys of tokens; read again on SIGHUP"},
    {"MCP_AUTH_JWKS_URL", "--jwks-url", SETTING_TEXT, "", 1, KEY_URL_SIZE_MAX, "an https address",
     NULL, key_url_check, false, false, PLACE(jwks_url),
     "address of a JSON Web Key Set: fetched, renewed, and asked again for a key it lacks"},
    {"MCP_AUTH_JWKS_CA_FILE", "--jwks-ca-file", SETTING_TEXT, "", 1, PATH_SIZE_MAX, "a path", NULL,
     setting_check_plain, false, false, PLACE(jwks_ca_file),
     "PEM file of who may vouch for the addresses of key sets, instead of the system's"},
    {"MCP_AUTH_JWKS_RENEW", "--jwks-renew", SETTING_SECONDS, "600", SECOND, DAY, "seconds", NULL,
     NULL, false, false, PLACE(jwks_renew_ms),
     "longest time until a fetched key set is fetched again"},
    {"MCP_AUTH_JWT_ALGORITHMS", "--jwt-algorithms", SETTING_ALGORITHMS, "", 0, 0,
     "of HS256 HS384 HS512 RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA, with commas "
     "between",
     NULL, NULL, false, false, PLACE(jwt_algorithms),
     "algorithms to accept; unset: all that the keys serve"},
    {"MCP_AUTH_ISSUERS_FILE", "--issuers-file", SETTING_TEXT, "", 1, PATH_SIZE_MAX, "a path", NULL,
     setting_check_plain, false, false, PLACE(issuers_file),
     "JSON file of issuers with keys, audience and tenants of their own; read again on SIGHUP"},
    {"MCP_AUTH_TOKEN_ISSUER", "--token-issuer", SETTING_TEXT, "", 1, 1024, "bytes", NULL,
     setting_check_plain, false, false, PLACE(tokens.issuer),
     "the iss a token must have; * for any; needed with public keys"},
    {"MCP_AUTH_TOKEN_AUDIENCE", "--token-audience", SETTING_TEXT, "", 1, 1024, "bytes", NULL,
     setting_check_plain, false, false, PLACE(tokens.audience),
     "what a token's aud must contain; * for any; needed with public keys"},
    {"MCP_AUTH_TOKEN_LEEWAY", "--token-leeway", SETTING_SECONDS, "30", 0, 600 * SECOND, "seconds",
     NULL, NULL, false, false, PLACE(tokens.leeway_ms),
     "by how much the clock of the issuer may differ"},
    {"MCP_AUTH_TOKEN_MAX_AGE", "--token-max-age", SETTING_SECONDS, "2592000", SECOND, 3650 * DAY,
     "seconds", NULL, NULL, false, false, PLACE(tokens.age_max_ms),
     "tokens end this long after they were issued; fences are kept as long"},
    {"MCP_AUTH_FENCE_SKEW", "--fence-skew", SETTING_SECONDS, "5", 0, 600 * SECOND, "seconds", NULL,
     NULL, false, false, PLACE(tokens.authority.fence_skew_ms),
     "tokens issued up to this long after a withdrawal still lose what it took"},
    {"MCP_AUTH_USER_CLAIM", "--user-claim", SETTING_TEXT, "sub", 1, 256, "bytes", NULL,
     setting_check_claim, false, false, PLACE(tokens.claims.user),
     "claim of the user id: a name, or a JSON Pointer such as /user/id"},
    {"MCP_AUTH_NAME_CLAIM", "--name-claim", SETTING_TEXT, "name", 1, 256, "bytes", NULL,
     setting_check_claim, false, false, PLACE(tokens.claims.name), "claim of the user's name"},
    {"MCP_AUTH_ROLES_CLAIM", "--roles-claim", SETTING_TEXT, "roles", 1, 256, "bytes", NULL,
     setting_check_claim, false, false, PLACE(tokens.claims.roles), "claim of the roles"},
    {"MCP_AUTH_PERMISSIONS_CLAIM", "--permissions-claim", SETTING_TEXT, "permissions", 1, 256,
     "bytes", NULL, setting_check_claim, false, false, PLACE(tokens.claims.permissions),
     "claim of the permissions"},
    {"MCP_AUTH_TENANT_CLAIM", "--tenant-claim", SETTING_TEXT, "tenant_id", 1, 256, "bytes", NULL,
     setting_check_claim, false, false, PLACE(tokens.claims.tenant), "claim of the tenant"},
    {"MCP_AUTH_ADMIN_ROLES", "--admin-roles", SETTING_LIST, "admin,rbac_admin", 1, 256,
     "roles, with commas between", NULL, setting_check_plain, false, false, PLACE(admin_roles),
     "roles that make an administrator"},
    {"MCP_AUTH_API_KEY", "--api-key", SETTING_TEXT, "", 16, 4096,
     "printable characters without spaces", NULL, setting_check_key, true, false, PLACE(api_key),
     "key of services that publish and read statistics, in any tenant"},
    {"MCP_AUTH_ALLOWED_ORIGINS", "--allowed-origins", SETTING_LIST, "", 1, 512,
     "origins such as https://app.example.com, with commas between", NULL, setting_check_origin,
     false, true, PLACE(allowed_origins),
     "web origins whose pages may connect; unset or *: any, since nothing ambient signs in"},
    {"MCP_AUTH_POLICY_FILE", "--policy-file", SETTING_TEXT, "", 1, PATH_SIZE_MAX, "a path", NULL,
     setting_check_plain, false, false, PLACE(policy_file),
     "JSON file of who may see an event and what it takes away; read again on SIGHUP"},
    {"MCP_AUTH_PRIVACY", "--privacy", SETTING_CHOICE, "full", 0, 0, NULL, "full|id|none", NULL,
     false, false, PLACE(privacy),
     "what others than administrators see of other people: name and id, the id, nothing"},
    {"MCP_AUTH_REDACT_KEYS", "--redact-keys", SETTING_LIST, "", 1, REDACT_KEY_SIZE_MAX,
     "member names, with commas between", NULL, setting_check_redact, false, false,
     PLACE(redact_keys), "members to remove from data, beside password, token and the like"},
    {"MCP_AUTH_AUTH_TIMEOUT", "--auth-timeout", SETTING_SECONDS, "10", 100, 300 * SECOND, "seconds",
     NULL, NULL, false, false, PLACE(auth_timeout_ms),
     "time for the first message of a connection"},
    {"MCP_AUTH_USER_CONNECTIONS", "--user-connections", SETTING_NUMBER, "0", 0, 1000000,
     "connections", NULL, NULL, false, false, PLACE(user_connections),
     "connections of one user; one more closes the oldest with 4007; 0: no limit"},
    {"MCP_AUTH_PUBLISH_RATE", "--publish-rate", SETTING_NUMBER, "0", 0, 1000000, "events a second",
     NULL, NULL, false, false, PLACE(publish_rate),
     "events a second of one publisher; 0: no limit"},
    {"MCP_AUTH_WS_DEFLATE", "--ws-deflate", SETTING_CHOICE, "off", 0, 0, NULL, "off|on", NULL,
     false, false, PLACE(ws_deflate),
     "compress events for WebSocket clients that offer permessage-deflate"},
    {"MCP_AUTH_LOG_LEVEL", "--log-level", SETTING_CHOICE, "info", 0, 0, NULL,
     "debug|info|warning|error", NULL, false, false, PLACE(log_level), "least level to log"},
    {"MCP_AUTH_LOG_FORMAT", "--log-format", SETTING_CHOICE, "text", 0, 0, NULL, "text|json", NULL,
     false, false, PLACE(log_json), "how a line of the log looks"},
};
_Static_assert(ARRAY_COUNT(setting_rules) == SETTINGS_COUNT, "count the rows");

/* Known from the protocol, one blank between: setting one is an error that says what it is, so
 * that nobody believes in a safeguard that is not there. */
static const char later[] = " MCP_AUTH_DATA_DIR MCP_AUTH_TLS_CERT_FILE MCP_AUTH_TLS_KEY_FILE ";

int setting_find(struct bytes name)
{
    for (unsigned i = 0; i < SETTINGS_COUNT; i++)
        if (bytes_equal(name, bytes_of(setting_rules[i].name)) ||
            bytes_equal(name, bytes_of(setting_rules[i].flag)))
            return (int)i;
    return MCP_AUTH_E_NOT_FOUND;
}

int setting_find_named(const char *name, bool *ret_file)
{
    struct bytes text = bytes_of(name);
    struct bytes ending = name[0] == '-' ? BYTES("-file") : BYTES("_FILE");
    int index = setting_find(text);

    *ret_file = false;
    if (index >= 0)
        return index;
    if (text.size <= ending.size ||
        memcmp(name + text.size - ending.size, ending.data, ending.size) != 0)
        return MCP_AUTH_E_NOT_FOUND;
    text.size -= ending.size;
    index = setting_find(text);
    if (index < 0 || !setting_rules[index].secret)
        return MCP_AUTH_E_NOT_FOUND;
    *ret_file = true;
    return index;
}

bool setting_is_later(const char *name)
{
    char padded[64] = " ";
    size_t size = 1;

    /* A flag is the name without MCP_AUTH_, in small letters, with dashes. */
    if (name[0] == '-' && name[1] == '-') {
        name += 2;
        memcpy(padded + 1, "MCP_AUTH_", 9);
        size += 9;
        for (; *name && size < sizeof padded - 2; name++)
            padded[size++] = *name == '-'                   ? '_'
                             : *name >= 'a' && *name <= 'z' ? (char)(*name - 32)
                                                            : '.';
    } else {
        for (; *name && size < sizeof padded - 2; name++)
            padded[size++] = *name;
    }
    if (*name || size == 1)
        return false;
    padded[size++] = ' ';
    padded[size] = '\0';
    return strstr(later, padded) != NULL && !strchr(padded + 1, '.');
}
