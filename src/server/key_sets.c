/* SPDX-License-Identifier: Apache-2.0 */
/* key_sets.c: the issuers in force, with the keys that come from addresses, handed to the node. */
#include "server/key_sets.h"

#include <assert.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "auth/jwk.h"
#include "base/clock.h"
#include "keys/key_url.h"
#include "keys/renewal.h"
#include "mcp_auth/error.h"

/* The settings' own address, and one for each issuer. */
#define SETS_MAX (ISSUERS_MAX + 1u)
#define OF_SETTINGS UINT_MAX

struct key_set {
    struct bytes url;  /* the load's */
    unsigned issuer;   /* in the load's issuers, or OF_SETTINGS */
    unsigned allowed;  /* algorithms */
    struct bytes text; /* ours; the last that was of use, absent until then */
    int64_t came_ms;   /* when it did, by the monotonic clock */
    struct keyring *keys;
};

struct key_sets {
    atomic_uint refs; /* the server's, and one of each issuers that it made */
    const struct settings *settings;
    struct issuers *base; /* counted: as they were read */
    const struct policy *policy;
    struct node *node;
    struct renewal *renewal; /* NULL: there is no address */
    pthread_mutex_t lock;    /* of what follows, and of telling the node */
    bool applied, held;
    bool untold; /* something came of which the node does not know */
    unsigned count;
    struct key_set items[SETS_MAX];
};

/* In a worker: a token was met whose key its issuer has not. */
static void lacking(void *owner, unsigned source)
{
    struct key_sets *sets = owner;

    renewal_ask(sets->renewal, source);
}

static void release(void *owner)
{
    key_sets_unref(owner);
}

static const struct issuers_port port = {lacking, release};

static void noticed(void *owner, const struct jwk_notice *notice)
{
    const struct key_set *set = owner;

    log_write(notice->refused ? LOG_WARNING : LOG_DEBUG, "a key of a fetched key set is not used",
              LOG_TEXT("url", key_url_shown(set->url)), LOG_INT("index", notice->index),
              LOG_TEXT("kid", bytes_of(notice->kid)), LOG_TEXT("why", bytes_of(notice->why)));
}

/* A set without a key of use is an accident at the other end, as it is in a file: to withdraw all
 * keys is to withdraw the issuer. */
static int ring_of(struct key_set *set, const struct issuers *base, struct bytes text,
                   struct keyring **ret, const char **ret_why)
{
    struct keyring *ring;
    int r = keyring_new(&ring, set->allowed);

    *ret_why = "out of memory";
    if (r < 0)
        return r;
    r = keyring_add_jwks(ring, text, JWK_PUBLIC_ONLY, noticed, set, ret_why);
    if (r == 0) {
        *ret_why = "it has no usable key";
        r = MCP_AUTH_E_INVALID;
    }
    if (r < 0) {
        keyring_unref(ring);
        return r;
    }
    if (set->issuer == OF_SETTINGS)
        keyring_join(ring, base->rest.keys);
    *ret = ring;
    return 0;
}

/* Takes it as what is known from now on; it came then. */
static int take(struct key_set *set, const struct issuers *base, struct bytes text, int64_t came_ms,
                const char **ret_why)
{
    struct keyring *ring;
    char *copy = malloc(text.size + 1);
    int r = copy ? ring_of(set, base, text, &ring, ret_why) : MCP_AUTH_E_NOMEM;

    if (r < 0) {
        free(copy);
        return r;
    }
    memcpy(copy, text.data, text.size);
    free((char *)(uintptr_t)set->text.data);
    keyring_unref(set->keys);
    set->text = (struct bytes){copy, text.size};
    set->keys = ring;
    set->came_ms = came_ms;
    return 0;
}

/* The load's issuers, with what has come. */
static int compose(struct key_sets *sets, struct issuers **ret)
{
    const struct issuers *base = sets->base;
    struct issuer named[ISSUERS_MAX], rest = base->rest;
    int r;

    for (unsigned i = 0; i < base->count; i++)
        named[i] = base->items[i];
    for (unsigned i = 0; i < sets->count; i++) {
        const struct key_set *set = &sets->items[i];
        struct issuer *issuer = set->issuer == OF_SETTINGS ? &rest : &named[set->issuer];

        issuer->source = i + 1;
        issuer->awaited = !set->keys;
        if (set->keys)
            issuer->keys = set->keys;
    }
    r = issuers_new(ret, rest.keys, named, base->count);
    if (r < 0)
        return r;
    (*ret)->rest.source = rest.source;
    (*ret)->rest.awaited = rest.awaited;
    if (sets->renewal) {
        (*ret)->port = &port;
        (*ret)->owner = sets;
        atomic_fetch_add(&sets->refs, 1);
    }
    return 0;
}

static int tell_node(struct key_sets *sets)
{
    struct issuers *issuers;
    int r = compose(sets, &issuers);

    if (r < 0)
        return r;
    r = node_reload_issuers(sets->node, issuers);
    sets->untold &= r < 0;
    issuers_unref(issuers);
    return r;
}

/* In the thread of the renewal. */
static int arrived(void *owner, unsigned source, struct bytes text, const char **ret_why)
{
    struct key_sets *sets = owner;
    struct key_set *set = &sets->items[source];
    int64_t now_ms = clock_now().mono_ms;
    int r = 0;

    pthread_mutex_lock(&sets->lock);
    if (bytes_present(set->text) && bytes_equal(set->text, text)) {
        set->came_ms = now_ms;
    } else {
        r = take(set, sets->base, text, now_ms, ret_why);
        sets->untold |= r == 0;
        if (r == 0)
            log_write(LOG_INFO, "keys fetched", LOG_TEXT("url", key_url_shown(set->url)),
                      LOG_INT("keys", set->keys->keys_count));
    }
    if (r == 0 && sets->untold && sets->applied && !sets->held) {
        *ret_why = "out of memory";
        r = tell_node(sets);
    }
    pthread_mutex_unlock(&sets->lock);
    return r;
}

static void add(struct key_sets *sets, struct bytes url, unsigned issuer, unsigned allowed)
{
    if (bytes_present(url))
        sets->items[sets->count++] =
            (struct key_set){.url = url, .issuer = issuer, .allowed = allowed};
}

/* What was of use may not be under the new settings: then it is fetched as if it were new. */
static void follow_one(struct key_sets *sets, struct key_set *set, const struct key_set *from)
{
    const char *why;

    if (from->text.size == 0 || !bytes_equal(set->url, from->url) ||
        (set->keys && set->came_ms >= from->came_ms))
        return;
    if (take(set, sets->base, from->text, from->came_ms, &why) == 0)
        sets->untold = true;
}

void key_sets_follow(struct key_sets *sets, struct key_sets *before)
{
    pthread_mutex_lock(&before->lock);
    pthread_mutex_lock(&sets->lock);
    for (unsigned i = 0; i < sets->count; i++)
        for (unsigned k = 0; k < before->count; k++)
            follow_one(sets, &sets->items[i], &before->items[k]);
    if (sets->untold && sets->applied)
        (void)!tell_node(sets); /* without memory it is told with the next that comes */
    pthread_mutex_unlock(&sets->lock);
    pthread_mutex_unlock(&before->lock);
}

int key_sets_new(struct key_sets **ret, const struct load *load, struct node *node,
                 struct key_sets *before)
{
    const struct settings *settings = load->settings;
    struct key_sets *sets = calloc(1, sizeof *sets);
    struct bytes urls[SETS_MAX];
    int r = 0;

    if (!sets)
        return MCP_AUTH_E_NOMEM;
    pthread_mutex_init(&sets->lock, NULL);
    atomic_init(&sets->refs, 1);
    sets->settings = settings;
    sets->base = issuers_ref(load->issuers);
    sets->policy = policy_ref(load->policy);
    sets->node = node;
    add(sets, settings->jwks_url, OF_SETTINGS, settings->jwt_algorithms);
    for (unsigned i = 0; i < load->issuers->count; i++)
        add(sets, load->issuers->items[i].url, i, load->issuers->items[i].algorithms);
    if (before)
        key_sets_follow(sets, before);
    for (unsigned i = 0; i < sets->count; i++)
        urls[i] = sets->items[i].url;
    if (sets->count > 0)
        r = renewal_new(&sets->renewal, urls, sets->count, settings->jwks_ca_file.data,
                        settings->jwks_renew_ms, arrived, sets);
    if (r < 0) {
        key_sets_unref(sets);
        return r;
    }
    *ret = sets;
    return 0;
}

int key_sets_start(struct key_sets *sets)
{
    bool unknown[SETS_MAX] = {false};
    int r;

    if (!sets->renewal)
        return 0;
    for (unsigned i = 0; i < sets->count; i++)
        unknown[i] = !sets->items[i].keys;
    r = renewal_start(sets->renewal);
    if (r == 0)
        renewal_wait(sets->renewal, unknown, KEY_SETS_WAIT_MS);
    return r;
}

int key_sets_apply(struct key_sets *sets)
{
    struct issuers *issuers;
    int r;

    pthread_mutex_lock(&sets->lock);
    r = compose(sets, &issuers);
    if (r == 0) {
        r = node_reload(sets->node, sets->settings, issuers, sets->policy);
        sets->applied |= r == 0;
        sets->untold &= r < 0;
        issuers_unref(issuers);
    }
    pthread_mutex_unlock(&sets->lock);
    return r;
}

void key_sets_hold(struct key_sets *sets, bool hold)
{
    pthread_mutex_lock(&sets->lock);
    sets->held = hold;
    if (!hold && sets->untold && sets->applied)
        (void)!tell_node(sets); /* as above */
    pthread_mutex_unlock(&sets->lock);
}

void key_sets_stop(struct key_sets *sets)
{
    if (sets && sets->renewal)
        renewal_stop(sets->renewal);
}

void key_sets_unref(struct key_sets *sets)
{
    if (!sets || atomic_fetch_sub(&sets->refs, 1) > 1)
        return;
    renewal_free(sets->renewal);
    for (unsigned i = 0; i < sets->count; i++) {
        free((char *)(uintptr_t)sets->items[i].text.data);
        keyring_unref(sets->items[i].keys);
    }
    issuers_unref(sets->base);
    policy_unref(sets->policy);
    pthread_mutex_destroy(&sets->lock);
    free(sets);
}
