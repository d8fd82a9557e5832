/* SPDX-License-Identifier: Apache-2.0 */
/* settings_finish.c: checks what was collected, says all that is wrong, and makes the values in force. */
#include "node/settings.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/keyring.h"
#include "broker/redis_url.h"
#include "mcp_auth/error.h"
#include "node/settings_table.h"

#define WORKERS_MAX 256u
/* As much of a wrong value as is shown. */
#define SHOWN_SIZE_MAX 80u

struct finish {
    const struct settings_builder *builder;
    settings_problem problem;
    void *owner;
    struct settings *settings;
    bool wrong[SETTINGS_COUNT]; /* by itself */
    unsigned problems;
    int result;
};

static void PRINTF_LIKE(2, 3) finish_problem(struct finish *f, const char *format, ...)
{
    char text[8192];
    va_list list;

    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    f->problem(f->owner, text);
    f->problems++;
    if (f->result == 0)
        f->result = MCP_AUTH_E_INVALID;
}

/* " (file.env:3)", " (environment)", " (--listen)" or "": where a value came from. */
static const char *where_text(const struct setting_rule *rule, const struct setting_value *value,
                              char *ret, size_t size)
{
    ret[0] = '\0';
    if (!value->text)
        return ret;
    if (value->where)
        snprintf(ret, size, " (%s)", value->where);
    else if (value->source == SOURCE_ENVIRONMENT)
        snprintf(ret, size, " (environment)");
    else if (value->source == SOURCE_FLAG)
        snprintf(ret, size, " (%s)", rule->flag);
    return ret;
}

/* A value for a line of text: cut, and without what could play tricks on a terminal. */
static const char *shown(const char *value, char ret[SHOWN_SIZE_MAX + 4])
{
    size_t size = strnlen(value, SHOWN_SIZE_MAX + 1);
    bool cut = size > SHOWN_SIZE_MAX;

    if (cut)
        size = SHOWN_SIZE_MAX;
    for (size_t i = 0; i < size; i++)
        ret[i] = (unsigned char)value[i] < 0x20 || value[i] == 0x7f ? '?' : value[i];
    memcpy(ret + size, cut ? "..." : "", cut ? 4 : 1);
    return ret;
}

static void wrong_value(struct finish *f, unsigned index, const struct setting_value *value,
                        const char *text, size_t size, const char *why)
{
    const struct setting_rule *rule = &setting_rules[index];
    char where[4200], safe[SHOWN_SIZE_MAX + 4], sizes[64] = "";

    where_text(rule, value, where, sizeof where);
    if (rule->secret) {
        if (!why) {
            snprintf(sizes, sizeof sizes, "has %zu bytes", size);
            why = sizes;
        }
        finish_problem(f, "%s%s %s; allowed: %s", rule->name, where, why,
                       f->builder->ranges[index]);
        return;
    }
    finish_problem(f, "%s=%s%s %s; allowed: %s", rule->name, shown(text, safe), where,
                   why ? why : "is not valid", f->builder->ranges[index]);
}

static void store_value(struct finish *f, unsigned index, const struct setting_value *value,
                        struct bytes text)
{
    const char *why;
    int r = setting_store(&setting_rules[index], text, f->settings, &why);

    if (r == MCP_AUTH_E_INVALID)
        wrong_value(f, index, value, text.data, text.size, why);
    else if (r < 0)
        f->result = r;
}

/* The value of NAME_FILE: the content of that file without its last line ends. */
static void store_file(struct finish *f, unsigned index)
{
    const struct setting_value *path = &f->builder->files[index];
    const struct setting_rule *rule = &setting_rules[index];
    char *data = malloc(SETTING_SIZE_MAX + 2);
    const char *name = path->text ? path->text : "";
    FILE *file = data ? fopen(name, "re") : NULL;
    char where[4200];
    size_t size;

    if (!data) {
        f->result = MCP_AUTH_E_NOMEM;
        return;
    }
    size = file ? fread(data, 1, SETTING_SIZE_MAX + 1, file) : 0;
    if (!file || ferror(file)) {
        finish_problem(f, "%s_FILE%s: %s cannot be read: %s", rule->name,
                       where_text(rule, path, where, sizeof where), name, strerror(errno));
    } else if (size > SETTING_SIZE_MAX) {
        finish_problem(f, "%s_FILE: %s is larger than %u bytes", rule->name, name,
                       SETTING_SIZE_MAX);
    } else {
        while (size && (data[size - 1] == '\n' || data[size - 1] == '\r'))
            size--;
        data[size] = '\0';
        store_value(f, index, path, (struct bytes){data, size});
    }
    if (file)
        fclose(file);
    explicit_bzero(data, SETTING_SIZE_MAX + 2);
    free(data);
}

static void finish_one(struct finish *f, unsigned index)
{
    const struct setting_rule *rule = &setting_rules[index];
    const struct setting_value *value = &f->builder->values[index];
    const struct setting_value *file = &f->builder->files[index];

    if (value->text && file->text && value->source == file->source) {
        finish_problem(f, "%s and %s_FILE are both set; keep one", rule->name, rule->name);
        return;
    }
    if (file->text && (!value->text || file->source > value->source)) {
        store_file(f, index);
        return;
    }
    if (value->text)
        store_value(f, index, value, bytes_of(value->text));
    else if (rule->default_text[0])
        store_value(f, index, value, bytes_of(rule->default_text));
}

/* One worker for each core this process may run on (taskset and cgroup cpusets count). */
static unsigned cores_available(void)
{
    cpu_set_t cores;
    int count;

    if (sched_getaffinity(0, sizeof cores, &cores) < 0)
        return 1; /* over 1024 cores the set is too small: then the operator says how many */
    count = CPU_COUNT(&cores);
    return count < 1 ? 1 : (unsigned)count > WORKERS_MAX ? WORKERS_MAX : (unsigned)count;
}

static void check_keys(struct finish *f)
{
    struct settings *s = f->settings;
    static const struct {
        enum jwt_algorithm algorithm;
        const char *name;
        size_t size;
    } hmacs[] = {{JWT_HS384, "HS384", 48}, {JWT_HS512, "HS512", 64}};
    unsigned hmac_bits = BIT(JWT_HS256) | BIT(JWT_HS384) | BIT(JWT_HS512);
    bool public_keys = bytes_present(s->jwt_public_key_file);
    bool secret = bytes_present(s->jwt_secret), fetched = bytes_present(s->jwks_url);
    const char *source = public_keys ? "MCP_AUTH_JWT_PUBLIC_KEY_FILE" : "MCP_AUTH_JWKS_URL";

    if ((public_keys || fetched) && !s->issuer_given)
        finish_problem(f,
                       "MCP_AUTH_TOKEN_ISSUER is needed with %s: an issuer signs for more than "
                       "this server; * is any",
                       source);
    if ((public_keys || fetched) && !s->audience_given)
        finish_problem(f,
                       "MCP_AUTH_TOKEN_AUDIENCE is needed with %s: an issuer signs for more "
                       "than this server; * is any",
                       source);
    /* What is in a key set is known once it has been read. */
    if (s->jwt_algorithms == 0 || bytes_present(s->jwks_file) || fetched ||
        (!secret && !public_keys) || f->wrong[setting_find(BYTES("MCP_AUTH_JWT_SECRET"))])
        return;
    for (size_t i = 0; secret && i < ARRAY_COUNT(hmacs); i++)
        if ((s->jwt_algorithms & BIT(hmacs[i].algorithm)) && s->jwt_secret.size < hmacs[i].size)
            finish_problem(f,
                           "MCP_AUTH_JWT_ALGORITHMS names %s, which needs a secret of %zu bytes; "
                           "MCP_AUTH_JWT_SECRET has %zu",
                           hmacs[i].name, hmacs[i].size, s->jwt_secret.size);
    s->algorithms_told = !(secret && (s->jwt_algorithms & hmac_bits)) &&
                         !(public_keys && (s->jwt_algorithms & ~hmac_bits));
    if (s->algorithms_told)
        finish_problem(f, "MCP_AUTH_JWT_ALGORITHMS leaves no algorithm for the keys that are set: "
                          "HS is for a secret, RS, PS, ES and EdDSA for public keys");
}

/* Origins are compared as the browser writes them, in small letters (RFC 6454 section 4). */
static void finish_origins(struct finish *f)
{
    struct text_list *origins = &f->settings->allowed_origins;

    f->settings->origins_restricted = origins->count > 0;
    for (unsigned i = 0; i < origins->count; i++) {
        char *text = (char *)(uintptr_t)origins->items[i].data;

        if (bytes_equal(origins->items[i], BYTES("*")))
            f->settings->origins_restricted = false;
        for (size_t at = 0; at < origins->items[i].size; at++)
            text[at] = ascii_lower(text[at]);
    }
    if (origins->count > 1 && !f->settings->origins_restricted)
        finish_problem(f, "MCP_AUTH_ALLOWED_ORIGINS has * beside other origins; keep one or the "
                          "other");
}

static void finish_redaction(struct finish *f)
{
    struct text_list *keys = &f->settings->redact_keys;
    char folded[REDACT_KEY_SIZE_MAX];

    for (unsigned i = 0; i < keys->count; i++) {
        size_t size = redaction_fold(keys->items[i], folded);

        assert(size > 0 && size <= keys->items[i].size); /* checked as it was stored */
        memcpy((char *)(uintptr_t)keys->items[i].data, folded, size);
        keys->items[i].size = size;
    }
}

static void check_loopback(struct finish *f, const char *name, const struct text_list *listen)
{
    for (unsigned i = 0; i < listen->count; i++) {
        const char *why = setting_check_loopback(listen->items[i]);

        if (why)
            finish_problem(f, "%s: %.*s %s", name, (int)listen->items[i].size,
                           listen->items[i].data, why);
    }
}

/* Port 0 twice is two ports. */
static bool any_port(struct bytes address)
{
    return address.size > 2 && memcmp(address.data + address.size - 2, ":0", 2) == 0;
}

/* What is the same by another name is found when it is opened. */
static void check_addresses(struct finish *f)
{
    const struct text_list *listen = &f->settings->listen, *metrics = &f->settings->metrics_listen;

    for (unsigned i = 0; i < metrics->count; i++)
        for (unsigned j = 0; j < listen->count; j++)
            if (bytes_equal(metrics->items[i], listen->items[j]) && !any_port(metrics->items[i]))
                finish_problem(f,
                               "MCP_AUTH_METRICS_LISTEN: %.*s is in MCP_AUTH_LISTEN too; give "
                               "the metrics an address of their own",
                               (int)metrics->items[i].size, metrics->items[i].data);
    if (!f->builder->dev)
        return;
    check_loopback(f, "MCP_AUTH_LISTEN", listen);
    check_loopback(f, "MCP_AUTH_METRICS_LISTEN", metrics);
}

static void check_redis(struct finish *f)
{
    const struct settings *s = f->settings;
    unsigned index = (unsigned)setting_find(BYTES("REDIS_URL"));
    const struct setting_value *value = &f->builder->values[index];
    struct redis_url url = {0};
    const char *why;

    if (!bytes_present(s->redis_url))
        return;
    if (redis_url_read(s->redis_url, s->redis_password, &url, &why) < 0)
        wrong_value(f, index, value, "", s->redis_url.size, why);
    else if (bytes_present(s->redis_ca_file) && !url.tls)
        finish_problem(f,
                       "MCP_AUTH_REDIS_CA_FILE is set, and REDIS_URL has no TLS: write rediss://, "
                       "or leave the file out");
    redis_url_wipe(&url);
}

/* There, be it right or wrong. */
static bool is_given(const struct finish *f, struct bytes name)
{
    int index = setting_find(name);

    assert(index >= 0);
    return f->builder->values[index].text || f->builder->files[index].text;
}

/* After each setting by itself. */
static void finish_given(struct finish *f)
{
    static const struct bytes keys[] = {{"MCP_AUTH_JWT_SECRET", 19},
                                        {"MCP_AUTH_JWT_PUBLIC_KEY_FILE", 28},
                                        {"MCP_AUTH_JWKS_FILE", 18},
                                        {"MCP_AUTH_JWKS_URL", 17},
                                        {"MCP_AUTH_ISSUERS_FILE", 21}};
    struct settings *s = f->settings;
    struct bytes privacy = BYTES("MCP_AUTH_PRIVACY");

    for (size_t i = 0; i < ARRAY_COUNT(keys); i++)
        s->keys_given |= is_given(f, keys[i]);
    s->issuer_given = is_given(f, BYTES("MCP_AUTH_TOKEN_ISSUER"));
    s->audience_given = is_given(f, BYTES("MCP_AUTH_TOKEN_AUDIENCE"));
    s->privacy_given = is_given(f, privacy) && !f->wrong[setting_find(privacy)];
}

int settings_try(struct settings_builder *builder, settings_problem problem, void *owner,
                 struct settings **ret)
{
    struct finish f = {.builder = builder, .problem = problem, .owner = owner};

    assert(builder && problem);
    f.settings = calloc(1, sizeof *f.settings);
    if (!f.settings)
        return MCP_AUTH_E_NOMEM;
    f.settings->dev = builder->dev;
    f.settings->secret_made = builder->secret_made;
    f.settings->workers = cores_available();
    for (unsigned i = 0; i < SETTINGS_COUNT && f.result != MCP_AUTH_E_NOMEM; i++) {
        unsigned problems = f.problems;

        finish_one(&f, i);
        f.wrong[i] = f.problems > problems;
    }
    finish_given(&f);

    check_keys(&f);
    check_addresses(&f);
    check_redis(&f);
    finish_origins(&f);
    finish_redaction(&f);
    f.settings->tokens.authority.admin_roles = f.settings->admin_roles.items;
    f.settings->tokens.authority.admin_roles_count = f.settings->admin_roles.count;
    if (f.result == MCP_AUTH_E_NOMEM) {
        settings_free(f.settings);
        return f.result;
    }
    *ret = f.settings;
    return f.result;
}

int settings_finish(struct settings_builder *builder, settings_problem problem, void *owner,
                    struct settings **ret)
{
    struct settings *settings = NULL;
    int r = settings_try(builder, problem, owner, &settings);

    if (r < 0) {
        settings_free(settings);
        return r;
    }
    *ret = settings;
    return 0;
}

void settings_free(struct settings *settings)
{
    if (!settings)
        return;
    for (unsigned i = 0; i < SETTINGS_COUNT; i++) {
        const struct setting_rule *rule = &setting_rules[i];
        void *place = (char *)settings + rule->offset;

        if (rule->type == SETTING_TEXT || rule->type == SETTING_URL)
            text_wipe(place);
        else if (rule->type == SETTING_LIST)
            text_list_done(place);
    }
    free(settings);
}
