/* SPDX-License-Identifier: Apache-2.0 */
/* reload.c: a running server is told anew: all that is right takes place, or nothing does. */
#include "server/reload.h"

#include "mcp_auth/error.h"
#include "server/descriptors.h"

#define NAMES_SIZE_MAX 2048u

struct listener {
    settings_problem problem;
    void *owner;
};

static void tell(void *owner, const char *text)
{
    const struct listener *listener = owner;

    log_write(LOG_ERROR, "cannot be reloaded", LOG_TEXT("why", bytes_of(text)));
    if (listener->problem)
        listener->problem(listener->owner, text);
}

/* A development server stays one, and its demo tokens stay good. */
static int carry_dev(struct settings_builder *builder, const struct settings *start)
{
    int r = 0;

    if (start->secret_made)
        r = settings_set(builder, "MCP_AUTH_JWT_SECRET", start->jwt_secret, SOURCE_DEFAULT,
                         "made for this run");
    return r < 0 || !start->dev ? r : settings_set_dev(builder);
}

/* The rules of tokens are those of the start, so what the settings' public keys need must have been
 * there. A named issuer brings its own. */
static int rules_check(const struct load *fresh, const struct settings *start, void *listener)
{
    static const unsigned hmac = BIT(JWT_HS256) | BIT(JWT_HS384) | BIT(JWT_HS512);

    if (!(keyring_algorithms(fresh->issuers->rest.keys) & ~hmac) &&
        !bytes_present(fresh->settings->jwks_url))
        return 0;
    if (bytes_present(start->tokens.issuer) && bytes_present(start->tokens.audience))
        return 0;
    tell(listener, "the first public keys need a restart, because MCP_AUTH_TOKEN_ISSUER and "
                   "MCP_AUTH_TOKEN_AUDIENCE do");
    return MCP_AUTH_E_INVALID;
}

struct names {
    struct strbuf text;
    bool live;
};

static void add_name(void *owner, const char *name, bool live)
{
    struct names *names = owner;

    if (live != names->live)
        return;
    if (names->text.size > 0)
        strbuf_putc(&names->text, ' ');
    strbuf_puts(&names->text, name);
}

static void log_names(const struct load *fresh, const struct load *start, const struct load *before,
                      const struct node *node)
{
    static const char *const privacy[] = {"full", "id", "none"};
    struct names restart = {.live = false}, changed = {.live = true};
    const struct settings *settings = fresh->settings;
    const struct policy *policy = fresh->policy;
    struct node_stats stats;

    strbuf_init(&restart.text, NAMES_SIZE_MAX);
    strbuf_init(&changed.text, NAMES_SIZE_MAX);
    settings_compare(start->settings, settings, add_name, &restart);
    settings_compare(before->settings, settings, add_name, &changed);
    if (restart.text.size > 0)
        log_write(LOG_WARNING, "changed, and needs a restart",
                  LOG_TEXT("settings", strbuf_bytes(&restart.text)));
    node_stats(node, &stats);
    log_write(LOG_INFO, "reloaded", LOG_INT("keys", stats.keys),
              LOG_INT("issuers", fresh->issuers->count),
              LOG_TEXT("policy", bytes_present(settings->policy_file) ? settings->policy_file
                                                                      : BYTES("default")),
              LOG_TEXT("privacy",
                       bytes_of(
                           privacy[policy->privacy_given ? policy->privacy : settings->privacy])),
              LOG_TEXT("changed", strbuf_bytes(&changed.text)));
    strbuf_done(&restart.text);
    strbuf_done(&changed.text);
}

/* Keys that were never fetched come first, or time is over; the former renewal goes on until all that
 * can fail has been done. */
static int hand_over(struct key_sets **sets, const struct load *fresh, struct node *node)
{
    struct key_sets *before = *sets, *after;
    int r = key_sets_new(&after, fresh, node, before);

    if (r < 0)
        return r;
    r = key_sets_start(after);
    if (r == 0) {
        key_sets_hold(before, true);
        key_sets_follow(after, before);
        r = key_sets_apply(after);
    }
    if (r < 0) {
        key_sets_hold(before, false);
        key_sets_stop(after);
        key_sets_unref(after);
        return r;
    }
    key_sets_stop(before);
    key_sets_follow(after, before);
    key_sets_unref(before);
    *sets = after;
    return 0;
}

int reload(struct load *ret, struct settings_builder *builder, struct node *node,
           const struct load *start, const struct load *before, struct key_sets **sets,
           settings_problem problem, void *owner)
{
    struct listener listener = {problem, owner};
    struct load fresh = {0};
    enum log_level level;
    int r = carry_dev(builder, start->settings);

    if (r == 0)
        r = load_read(&fresh, builder, true, tell, &listener);
    if (r == 0)
        r = rules_check(&fresh, start->settings, &listener);
    if (r == 0)
        r = descriptors_raise(fresh.settings, tell, &listener);
    if (r == 0)
        r = hand_over(sets, &fresh, node);
    if (r < 0) {
        if (r == MCP_AUTH_E_NOMEM)
            tell(&listener, mcp_auth_strerror(r));
        log_write(LOG_ERROR, "nothing was reloaded: what was in force stays");
        load_done(&fresh);
        return r;
    }
    level = fresh.settings->log_level;
    if (level < before->settings->log_level) /* that the reload is told by the louder of the two */
        log_level_set(level);
    load_log_notices(&fresh);
    log_names(&fresh, start, before, node);
    log_level_set(level);
    *ret = fresh;
    return 0;
}
