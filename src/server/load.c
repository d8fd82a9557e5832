/* SPDX-License-Identifier: Apache-2.0 */
/* load.c: all that a server is told: settings, issuers and policy, checked against each other. */
#include "server/load.h"

#include "io/tls_context.h"
#include "mcp_auth/error.h"
#include "model/limits.h"
#include "server/file_text.h"
#include "server/issuers_file.h"
#include "server/mistake.h"
#include "wire/policy_in.h"

static int policy_load(const struct settings *settings, settings_problem problem, void *owner,
                       const struct policy **ret)
{
    static const char name[] = "MCP_AUTH_POLICY_FILE";
    struct mistakes mistakes = {settings->policy_file.data, problem, owner};
    struct strbuf text;
    int r;

    if (!bytes_present(settings->policy_file)) {
        *ret = &policy_default;
        return 0;
    }
    r = file_text_read(&text, name, settings->policy_file.data, POLICY_FILE_SIZE_MAX, problem,
                       owner);
    if (r == 0)
        r = policy_in(ret, strbuf_bytes(&text), mistake_tell, &mistakes);
    strbuf_done(&text);
    return r;
}

/* Two places that say different things are a mistake; which one was meant, nobody knows. */
static int privacy_check(const struct load *load, settings_problem problem, void *owner)
{
    if (!load->policy->privacy_given || !load->settings->privacy_given ||
        load->policy->privacy == load->settings->privacy)
        return 0;
    problem(owner, "MCP_AUTH_PRIVACY and the privacy in MCP_AUTH_POLICY_FILE are not the same; "
                   "keep one");
    return MCP_AUTH_E_INVALID;
}

/* Read again by the bus, which must not be the first to find that it is none. */
static int redis_ca_check(const struct settings *settings, settings_problem problem, void *owner)
{
    const char *why = "out of memory", *path = settings->redis_ca_file.data;
    struct tls_context *context;
    struct strbuf text;
    int r;

    if (!bytes_present(settings->redis_ca_file))
        return 0;
    r = tls_context_client(&context, path, &why);
    if (r == 0) {
        tls_context_free(context);
        return 0;
    }
    strbuf_init(&text, 8192);
    strbuf_printf(&text, "MCP_AUTH_REDIS_CA_FILE: %s: %s", path, why);
    if (r == MCP_AUTH_E_INVALID && strbuf_terminate(&text) == 0)
        problem(owner, text.data);
    strbuf_done(&text);
    return r;
}

static int keys_read(struct load *load, settings_problem problem, void *owner)
{
    struct keys_told told = {problem, owner, &load->notices};

    if (load->settings->keys_given)
        return issuers_load(load->settings, &told, &load->issuers);
    problem(owner, "no key is set: set MCP_AUTH_JWT_SECRET (openssl rand -base64 48 makes one), "
                   "MCP_AUTH_JWT_PUBLIC_KEY_FILE, MCP_AUTH_JWKS_FILE, MCP_AUTH_JWKS_URL or "
                   "MCP_AUTH_ISSUERS_FILE, or "
                   "try with serve --dev");
    return MCP_AUTH_E_INVALID;
}

int load_read(struct load *ret, struct settings_builder *builder, bool with_keys,
              settings_problem problem, void *owner)
{
    int r, keys = 0, policy, redis;

    *ret = (struct load){0};
    strbuf_init(&ret->notices, KEYS_NOTICES_SIZE_MAX);
    r = settings_try(builder, problem, owner, &ret->settings);
    if (!ret->settings)
        return r;
    /* After a mistake too: all of them are told in one round. */
    if (with_keys)
        keys = keys_read(ret, problem, owner);
    policy = policy_load(ret->settings, problem, owner, &ret->policy);
    if (policy == 0)
        policy = privacy_check(ret, problem, owner);
    redis = redis_ca_check(ret->settings, problem, owner);
    if (r == 0)
        r = keys < 0 ? keys : policy < 0 ? policy : redis;
    if (r < 0)
        load_done(ret);
    return r;
}

void load_done(struct load *load)
{
    settings_free(load->settings);
    issuers_unref(load->issuers);
    policy_unref(load->policy);
    strbuf_done(&load->notices);
    *load = (struct load){0};
}

void load_log_notices(const struct load *load)
{
    struct bytes rest = strbuf_bytes(&load->notices), line;
    bool refused;

    while (keys_next_notice(&rest, &line, &refused)) {
        if (refused)
            log_write(LOG_WARNING, "a key of a key set is not used", LOG_TEXT("key", line));
        else
            log_write(LOG_INFO, "a key of a key set is for something else", LOG_TEXT("key", line));
    }
}
