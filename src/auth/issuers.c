/* SPDX-License-Identifier: Apache-2.0 */
/* issuers.c: who may sign tokens here, each with keys and tenants of its own; replaced whole. */
#include "auth/issuers.h"

#include <assert.h>
#include <stdlib.h>

#include "base/siphash.h"
#include "mcp_auth/error.h"

static int compare(struct bytes a, struct bytes b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size > 0 ? memcmp(a.data, b.data, size) : 0;

    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static int compare_texts(const void *a, const void *b)
{
    return compare(*(const struct bytes *)a, *(const struct bytes *)b);
}

static int compare_names(const void *a, const void *b)
{
    return compare(((const struct issuer *)a)->name, ((const struct issuer *)b)->name);
}

/* The key of the hash is no secret: names come from the operator, and a token of another name does
 * not get as far as being compared by its mark. */
uint64_t issuer_mark(struct bytes name)
{
    static const uint8_t key[16] = "issuer of tokens";
    uint64_t mark = bytes_present(name) ? siphash(key, name.data, name.size) : 0;

    return bytes_present(name) && mark == 0 ? 1 : mark;
}

/* One allocation: the struct, the issuers, the tenants, the texts. */
static size_t size_of(const struct issuer *named, unsigned count)
{
    size_t size = sizeof(struct issuers) + count * sizeof(struct issuer);

    for (unsigned i = 0; i < count; i++) {
        size += named[i].name.size + named[i].audience.size + named[i].url.size;
        for (unsigned t = 0; t < named[i].tenants_count; t++)
            size += sizeof(struct bytes) + named[i].tenants[t].size;
    }
    return size;
}

static void copy_issuer(struct issuer *to, const struct issuer *from, struct bytes **tenants,
                        char **at)
{
    struct bytes *list = *tenants;

    *to = (struct issuer){
        .name = bytes_copy(at, from->name),
        .audience = bytes_copy(at, from->audience),
        .url = bytes_copy(at, from->url),
        .algorithms = from->algorithms,
        .source = from->source,
        .awaited = from->awaited,
        .any_tenant = from->any_tenant,
        .tenants = list,
        .tenants_count = from->tenants_count,
        .keys = keyring_ref(from->keys),
        .mark = issuer_mark(from->name),
    };
    for (unsigned t = 0; t < from->tenants_count; t++)
        list[t] = bytes_copy(at, from->tenants[t]);
    qsort(list, from->tenants_count, sizeof *list, compare_texts);
    *tenants += from->tenants_count;
}

int issuers_new(struct issuers **ret, struct keyring *rest, const struct issuer *named,
                unsigned count)
{
    size_t size = size_of(named, count);
    struct issuers *issuers = malloc(size);
    struct bytes *tenants;
    unsigned tenants_count = 0;
    char *at;

    assert(rest && count <= ISSUERS_MAX);
    if (!issuers)
        return MCP_AUTH_E_NOMEM;
    *issuers = (struct issuers){
        .rest = {.any_tenant = true, .keys = keyring_ref(rest)},
        .count = count,
        .items = (struct issuer *)(issuers + 1),
    };
    atomic_init(&issuers->refs, 1);
    for (unsigned i = 0; i < count; i++)
        tenants_count += named[i].tenants_count;
    tenants = (struct bytes *)(issuers->items + count);
    at = (char *)(tenants + tenants_count);
    for (unsigned i = 0; i < count; i++)
        copy_issuer(&issuers->items[i], &named[i], &tenants, &at);
    assert(at == (char *)issuers + size);

    qsort(issuers->items, count, sizeof *issuers->items, compare_names);
    for (unsigned i = 1; i < count; i++)
        assert(compare_names(&issuers->items[i - 1], &issuers->items[i]) < 0);
    *ret = issuers;
    return 0;
}

struct issuers *issuers_ref(struct issuers *issuers)
{
    atomic_fetch_add_explicit(&issuers->refs, 1, memory_order_relaxed);
    return issuers;
}

void issuers_unref(struct issuers *issuers)
{
    if (!issuers || atomic_fetch_sub_explicit(&issuers->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (unsigned i = 0; i < issuers->count; i++)
        keyring_unref(issuers->items[i].keys);
    keyring_unref(issuers->rest.keys);
    if (issuers->port)
        issuers->port->release(issuers->owner);
    free(issuers);
}

unsigned issuers_keys_count(const struct issuers *issuers)
{
    unsigned count = keyring_count(issuers->rest.keys);

    for (unsigned i = 0; i < issuers->count; i++)
        count += keyring_count(issuers->items[i].keys);
    return count;
}

unsigned issuers_awaited(const struct issuers *issuers)
{
    unsigned count = issuers->rest.awaited;

    for (unsigned i = 0; i < issuers->count; i++)
        count += issuers->items[i].awaited;
    return count;
}

void issuers_lack(const struct issuers *issuers, const struct issuer *issuer, struct bytes kid)
{
    if (issuers->port && issuer->source > 0 && bytes_present(kid) &&
        !keyring_has_kid(issuer->keys, kid))
        issuers->port->lacking(issuers->owner, issuer->source - 1);
}

const struct issuer *issuers_find(const struct issuers *issuers, struct bytes name)
{
    struct issuer wanted = {.name = name};
    const struct issuer *found = NULL;

    if (bytes_present(name) && issuers->count > 0)
        found = bsearch(&wanted, issuers->items, issuers->count, sizeof wanted, compare_names);
    return found ? found : &issuers->rest;
}

bool issuer_speaks_for(const struct issuer *issuer, struct bytes tenant)
{
    return issuer->any_tenant ||
           (issuer->tenants_count > 0 && bsearch(&tenant, issuer->tenants, issuer->tenants_count,
                                                 sizeof tenant, compare_texts) != NULL);
}

bool issuer_any(struct bytes configured)
{
    return !bytes_present(configured) || bytes_equal(configured, BYTES("*"));
}

bool issuers_vouch(const struct issuers *issuers, struct bytes rest, const struct claims *claims)
{
    const struct issuer *issuer = &issuers->rest;

    for (unsigned i = 0; i < issuers->count; i++)
        if (issuers->items[i].mark == claims->issuer_mark)
            issuer = &issuers->items[i];
    if (issuer == &issuers->rest && !issuer_any(rest) && issuer_mark(rest) != claims->issuer_mark)
        return false; /* it was named, and is no longer */
    return keyring_has(issuer->keys, claims->key_fingerprint) &&
           issuer_speaks_for(issuer, claims->tenant);
}
