/* SPDX-License-Identifier: Apache-2.0 */
/* load.c: all that a server is told: settings, keys and policy, checked against each other. */
#include "server/load.h"

#include <stdio.h>

#include "mcp_auth/error.h"
#include "model/limits.h"
#include "server/file_text.h"
#include "server/keys.h"
#include "wire/policy_in.h"

struct mistakes {
    const char *path;
    settings_problem problem;
    void *owner;
};

/* "PATH:7:32: /events/user_deleted/effect: ...", as compilers say it, so that editors find it. */
static void mistake(void *owner, const struct document_problem *found)
{
    const struct mistakes *mistakes = owner;
    char text[4800];

    (void)snprintf(text, sizeof text, "%s:%u:%u: %s%s%s", mistakes->path, found->line,
                   found->column, found->pointer, found->pointer[0] ? ": " : "", found->reason);
    mistakes->problem(mistakes->owner, text);
}

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
        r = policy_in(ret, strbuf_bytes(&text), mistake, &mistakes);
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

static int keys_read(struct load *load, settings_problem problem, void *owner)
{
    if (keys_configured(load->settings))
        return keys_load(load->settings, problem, owner, &load->notices, &load->keys);
    problem(owner, "no key is set: set MCP_AUTH_JWT_SECRET (openssl rand -base64 48 makes one), "
                   "MCP_AUTH_JWT_PUBLIC_KEY_FILE or MCP_AUTH_JWKS_FILE, or try with serve --dev");
    return MCP_AUTH_E_INVALID;
}

int load_read(struct load *ret, struct settings_builder *builder, bool with_keys,
              settings_problem problem, void *owner)
{
    int r, policy;

    *ret = (struct load){0};
    strbuf_init(&ret->notices, KEYS_NOTICES_SIZE_MAX);
    r = settings_finish(builder, problem, owner, &ret->settings);
    if (r < 0)
        return r;
    if (with_keys)
        r = keys_read(ret, problem, owner);
    policy = policy_load(ret->settings, problem, owner, &ret->policy);
    if (policy == 0)
        policy = privacy_check(ret, problem, owner);
    if (r == 0)
        r = policy;
    if (r < 0)
        load_done(ret);
    return r;
}

void load_done(struct load *load)
{
    settings_free(load->settings);
    if (load->keys)
        keyring_unref(load->keys);
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
            log_write(LOG_WARNING, "a key of MCP_AUTH_JWKS_FILE is not used",
                      LOG_TEXT("key", line));
        else
            log_write(LOG_INFO, "a key of MCP_AUTH_JWKS_FILE is for something else",
                      LOG_TEXT("key", line));
    }
}
