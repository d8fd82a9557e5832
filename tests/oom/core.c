/* SPDX-License-Identifier: Apache-2.0 */
/* core.c: what reads texts from outside says that it has no memory, and leaves nothing behind. */
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/authenticate.h"
#include "auth/jwk.h"
#include "auth/token_mint.h"
#include "base/slab.h"
#include "codec/http_request.h"
#include "codec/json_walk.h"
#include "codec/redis.h"
#include "codec/ws_message.h"
#include "mcp_auth/error.h"
#include "node/settings.h"
#include "oom.h"
#include "wire/command.h"
#include "wire/event_in.h"
#include "wire/policy_in.h"

/* Without a failure it works, and with one it is want of memory that is told, nothing else: a
 * client or an operator would be told that the text is wrong. */
static void judge(int r)
{
    if (r < 0 && (!inject_fired() || r != MCP_AUTH_E_NOMEM))
        oom_fail("ends with %d", r);
}

static const char jwks[] =
    "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"a\","
    "\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","
    "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\"},"
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"b\","
    "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"},"
    "{\"kty\":\"oct\",\"kid\":\"c\",\"k\":"
    "\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVm\"}]}";
static char pem[1024];
static size_t pem_size;

static void pem_make(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    BIO *bio = BIO_new(BIO_s_mem());
    int size;

    OOM_CHECK(key && bio && PEM_write_bio_PUBKEY(bio, key) == 1);
    size = BIO_read(bio, pem, sizeof pem);
    OOM_CHECK(size > 0);
    pem_size = (size_t)size;
    BIO_free(bio);
    EVP_PKEY_free(key);
}

static void run_keyring(void)
{
    struct keyring *ring = NULL;
    const char *why;
    int r = keyring_new(&ring, 0);

    if (r >= 0)
        r = keyring_add_secret(ring, BYTES(OOM_SECRET), &why);
    if (r >= 0)
        r = keyring_add_pem(ring, (struct bytes){pem, pem_size}, &why);
    if (r >= 0) {
        r = keyring_add_jwks(ring, bytes_of(jwks), JWK_SECRETS_TOO, NULL, NULL, &why);
        OOM_CHECK(r < 0 || r == 3); /* no key is left out in silence */
    }
    judge(r);
    keyring_unref(ring);
}

static void mint(char *ret, size_t room)
{
    struct strbuf out;

    strbuf_init(&out, room - 1);
    OOM_CHECK(token_mint(&out, BYTES(OOM_SECRET),
                         BYTES("{\"sub\":\"u\",\"name\":\"N\",\"roles\":[\"a\",\"b\"],"
                               "\"permissions\":[\"p\"],\"tenant_id\":\"t\",\"iat\":1700000000,"
                               "\"exp\":1700003600}")) == 0);
    memcpy(ret, out.data, out.size);
    ret[out.size] = '\0';
    strbuf_done(&out);
}

static void run_authenticate(void)
{
    static const struct bytes admins[] = {{"a", 1}};
    static char token[1024];
    struct issuer named = {.name = BYTES("n"), .audience = BYTES("*"), .any_tenant = true};
    struct token_rules rules = {
        .claims = {BYTES("sub"), BYTES("name"), BYTES("roles"), BYTES("permissions"),
                   BYTES("tenant_id")},
        .authority = {admins, 1, 5000},
        .age_max_ms = INT64_C(86400000),
    };
    struct identity *identity = NULL;
    struct issuers *issuers = NULL;
    struct keyring *ring;
    const char *why;
    enum auth_result result = AUTH_NOMEM;

    inject_hold(true);
    mint(token, sizeof token);
    OOM_CHECK(keyring_new(&ring, 0) == 0);
    OOM_CHECK(keyring_add_secret(ring, BYTES(OOM_SECRET), &why) == 0);
    inject_hold(false);
    named.keys = ring;
    if (issuers_new(&issuers, ring, &named, 1) == 0)
        result = authenticate(issuers, &rules, NULL, bytes_of(token), INT64_C(1700000001000),
                              &identity, &why);
    OOM_CHECK(result == AUTH_OK || (inject_fired() && result == AUTH_NOMEM));
    if (result == AUTH_OK) {
        OOM_CHECK(identity->admin && identity->claims.roles_count == 2);
        identity_unref(identity);
    }
    issuers_unref(issuers);
    keyring_unref(ring);
}

static void on_problem(void *owner, const char *text)
{
    (void)owner;
    (void)text;
}

static void run_settings(void)
{
    static char listen[] = "MCP_AUTH_LISTEN=127.0.0.1:0,[::1]:0",
                secret[] = "MCP_AUTH_JWT_SECRET=" OOM_SECRET, roles[] = "MCP_AUTH_ADMIN_ROLES=a,b";
    static char *const environment[] = {listen, secret, roles, NULL};
    struct settings_builder *builder = NULL;
    struct settings *settings = NULL;
    int r = settings_builder_new(&builder);

    if (r >= 0)
        r = settings_load_environment(builder, environment, on_problem, NULL);
    if (r >= 0)
        r = settings_set(builder, "--redact-keys", BYTES("pin,cvv"), SOURCE_FLAG, NULL);
    if (r >= 0)
        r = settings_finish(builder, on_problem, NULL, &settings);
    judge(r);
    if (r >= 0)
        OOM_CHECK(settings->admin_roles.count == 2 && settings->redact_keys.count == 2);
    settings_free(settings);
    settings_builder_free(builder);
}

static void on_policy_problem(void *owner, const struct document_problem *problem)
{
    (void)problem;
    (*(unsigned *)owner)++;
}

static void run_policy(void)
{
    static const char good[] = "{\"events\":{\"security_violation\":{\"receivers\":"
                               "[\"admins\",\"subject\",\"role:watch\",\"permission:a:b\"]}}}";
    static const char bad[] = "{\"events\":{\"nonsense\":{\"x\":1},\"user_updated\":4},\"y\":[]}";
    const struct policy *policy = NULL;
    unsigned problems = 0;
    int r = policy_in(&policy, bytes_of(good), on_policy_problem, &problems);

    judge(r);
    OOM_CHECK(problems == 0);
    if (r >= 0)
        policy_unref(policy);
    r = policy_in(&policy, bytes_of(bad), on_policy_problem, &problems);
    OOM_CHECK(r == MCP_AUTH_E_INVALID || (inject_fired() && r == MCP_AUTH_E_NOMEM));
}

static void run_event_in(void)
{
    static const char text[] =
        "{\"event_type\":\"role_revoked\",\"id\":\"e1\",\"message\":\"m\\n\",\"user_id\":\"u\","
        "\"target_user_id\":\"t\",\"role_name\":\"editor\",\"resource\":\"r\",\"action\":\"w\","
        "\"data\":{\"password\":\"x\",\"list\":[1,2.5,{\"\\u0074oken\":\"y\",\"kept\":\"z\"}]}}";
    struct event_context context = {.tenant = BYTES("acme"),
                                    .publisher = BYTES("svc"),
                                    .wall_ms = INT64_C(1700000000123),
                                    .policy = &policy_default,
                                    .random = &random_kernel};
    struct event_problem problem;
    struct event *event = NULL;
    unsigned redacted = 0;
    int r = json_check(bytes_of(text), NULL);

    if (r >= 0)
        r = event_in(&event, bytes_of(text), &context, &redacted, &problem);
    judge(r);
    if (r >= 0) {
        OOM_CHECK(redacted == 2 && event->has_fence);
        OOM_CHECK(!memmem(event->json.data, event->json.size, "password", 8));
        OOM_CHECK(memmem(event->json.data, event->json.size, "kept", 4));
        event_unref(event);
    }
}

static void run_command(void)
{
    static const char *const texts[] = {
        "{\"type\":\"auth\",\"token\":\"a.b.c\",\"subscribe\":{\"resources\":[\"a\",\"b\"]}}",
        "{\"type\":\"subscribe\",\"min_security_level\":\"high\",\"resources\":[\"long one\"]}",
        "{\"type\":\"ping\",\"id\":{\"a\":[1,\"two\"]}}",
    };

    for (unsigned i = 0; i < ARRAY_COUNT(texts); i++) {
        struct command command;
        struct command_problem problem;
        int r = command_read(bytes_of(texts[i]), &command, &problem);

        judge(r);
        if (r >= 0)
            command_done(&command);
    }
}

static void run_http(void)
{
    static const char text[] = "POST /v1/events HTTP/1.1\r\nHost: x\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n"
                               "5\r\nhello\r\n6;a=b\r\n world\r\n0\r\n\r\n";
    struct http_request request;
    struct http_body body;
    struct strbuf out;
    const char *why;
    size_t seen = 0, used = 0;
    int size = http_request_parse(bytes_of(text), &seen, &request, &why), r;

    OOM_CHECK(size > 0);
    http_body_init(&body, &request);
    strbuf_init(&out, 1000);
    r = http_body_feed(&body, (struct bytes){text + size, sizeof text - 1 - (size_t)size}, &out,
                       &used, &why);
    OOM_CHECK(inject_fired() ? r == -503
                             : r == 1 && bytes_equal(strbuf_bytes(&out), BYTES("hello world")));
    strbuf_done(&out);
}

/* A hole in a reply would be an event that is lost: it is the whole of it or none. */
static void run_redis(void)
{
    static const struct redis_limits limits = {1u << 20, 1u << 16, 4096};
    static char wire[40000];
    const struct redis_reply *reply;
    struct redis_reader *reader = NULL;
    size_t size = (size_t)snprintf(wire, sizeof wire, "*600\r\n");
    int r;

    for (int i = 0; i < 600; i++)
        size += (size_t)snprintf(wire + size, sizeof wire - size, "$30\r\n%030d\r\n", i);
    r = redis_reader_new(&reader, &limits);
    for (size_t at = 0; at < size && r == 0; at += 4000) {
        r = redis_reader_feed(reader, wire + at, size - at < 4000 ? size - at : 4000);
        if (r == 0)
            r = redis_reader_next(reader, &reply);
    }
    judge(r);
    if (r >= 0)
        OOM_CHECK(r == 1 && reply->count == 600 && reply->elements[599].text.size == 30);
    redis_reader_free(reader);
}

/* Without memory there is no object; what cannot be unmapped is used on. While chunks are mapped
 * no munmap fails (`hold`): an end that could not be cut off would stay, and be counted. */
static void slab_round(bool hold)
{
    enum { OBJECTS = 2000 };
    static void *objects[OBJECTS];
    struct slab slab;

    slab_init(&slab, 100, NULL);
    for (unsigned round = 0; round < 2; round++) {
        inject_hold(hold);
        for (unsigned i = 0; i < OBJECTS; i++) {
            objects[i] = slab_take(&slab);
            OOM_CHECK(objects[i] || inject_fired());
        }
        inject_hold(false);
        for (unsigned i = 0; i < OBJECTS; i++)
            if (objects[i])
                slab_give(objects[i]);
        OOM_CHECK(slab.count == 0 && (slab.chunks <= 1 || inject_fired()));
    }
    inject_rest(); /* nothing can be done about what fails at the end */
    slab_done(&slab);
}

static void run_slab(void)
{
    slab_round(false);
}

static void run_slab_unmap(void)
{
    slab_round(true);
}

void core_scenarios(void)
{
    pem_make();
    oom_repeat("slab", INJECT_ALLOC, 0, run_slab);
    oom_repeat("slab", INJECT_MMAP, ENOMEM, run_slab);
    oom_repeat("slab", INJECT_MUNMAP, ENOMEM, run_slab_unmap);
    oom_repeat("keyring and JWKS", INJECT_ALLOC, 0, run_keyring);
    oom_repeat("authenticate", INJECT_ALLOC, 0, run_authenticate);
    oom_repeat("settings", INJECT_ALLOC, 0, run_settings);
    oom_repeat("policy file", INJECT_ALLOC, 0, run_policy);
    oom_repeat("event in", INJECT_ALLOC, 0, run_event_in);
    oom_repeat("client command", INJECT_ALLOC, 0, run_command);
    oom_repeat("HTTP body", INJECT_ALLOC, 0, run_http);
    oom_repeat("Redis reply", INJECT_ALLOC, 0, run_redis);
}
