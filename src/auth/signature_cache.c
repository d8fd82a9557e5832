/* SPDX-License-Identifier: Apache-2.0 */
/* signature_cache.c: signatures that one key has verified before, so that it need not again. */
#include "auth/signature_cache.h"

#include <stdlib.h>
#include <string.h>

#include "mcp_auth/error.h"

/* A wrong hit would let a forged token in, so a token is known by a digest for which nobody can
 * find a second text: SHA-256, whole. A keyed hash of 128 bits would be as good while its key is
 * secret, and is not cheaper by what matters (0.4 us here; RS256 takes 16, ES256 60, Ed25519 93).
 * It also keeps no token in memory. HS256 is no dearer than this digest, and has no cache.
 *
 * Several workers read and write at once. An entry that two have written half each is equal to no
 * digest of a token, as that would take a text whose SHA-256 is that very mixture; and an empty one
 * (all zero) is neither. So words by relaxed atomics are enough, and no order among them matters. */

#define WAYS 4u /* places of one mark: two cache lines */
#define SETS (SIGNATURE_CACHE_ENTRIES / WAYS)
_Static_assert((SETS & (SETS - 1)) == 0, "a power of two");

struct entry_words {
    atomic_uint_least64_t words[4];
};

struct signature_cache {
    struct entry_words entries[SETS][WAYS];
};

int signature_cache_new(struct signature_cache **ret)
{
    struct signature_cache *cache = calloc(1, sizeof *cache);

    if (!cache)
        return MCP_AUTH_E_NOMEM;
    *ret = cache;
    return 0;
}

void signature_cache_free(struct signature_cache *cache)
{
    free(cache);
}

bool signature_mark(struct signature_mark *ret, const EVP_MD *sha256, unsigned algorithm,
                    struct bytes signed_part, struct bytes signature)
{
    /* The sizes say where one ends and the other begins. */
    const uint64_t shape[3] = {algorithm, signature.size, signed_part.size};
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool made = context && EVP_DigestInit_ex2(context, sha256, NULL) == 1 &&
                EVP_DigestUpdate(context, shape, sizeof shape) == 1 &&
                EVP_DigestUpdate(context, signature.data, signature.size) == 1 &&
                EVP_DigestUpdate(context, signed_part.data, signed_part.size) == 1 &&
                EVP_DigestFinal_ex(context, (unsigned char *)ret->words, NULL) == 1;

    _Static_assert(sizeof ret->words == 32, "a SHA-256");
    EVP_MD_CTX_free(context);
    return made;
}

static bool equal(const struct entry_words *entry, const struct signature_mark *mark)
{
    uint64_t difference = 0;

    for (unsigned i = 0; i < 4; i++)
        difference |= atomic_load_explicit(&entry->words[i], memory_order_relaxed) ^ mark->words[i];
    return difference == 0;
}

bool signature_cache_has(const struct signature_cache *cache, const struct signature_mark *mark)
{
    const struct entry_words *set = cache->entries[mark->words[0] & (SETS - 1)];

    for (unsigned i = 0; i < WAYS; i++)
        if (equal(&set[i], mark))
            return true;
    return false;
}

void signature_cache_put(struct signature_cache *cache, const struct signature_mark *mark)
{
    struct entry_words *set = cache->entries[mark->words[0] & (SETS - 1)];
    struct entry_words *entry = &set[mark->words[1] % WAYS]; /* when all are taken */

    for (unsigned i = 0; i < WAYS; i++)
        if (atomic_load_explicit(&set[i].words[0], memory_order_relaxed) == 0) {
            entry = &set[i];
            break;
        }
    for (unsigned i = 0; i < 4; i++)
        atomic_store_explicit(&entry->words[i], mark->words[i], memory_order_relaxed);
}
