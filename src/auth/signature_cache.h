/* SPDX-License-Identifier: Apache-2.0 */
/* signature_cache.h: signatures that one key has verified before, so that it need not again. */
#ifndef AUTH_SIGNATURE_CACHE_H
#define AUTH_SIGNATURE_CACHE_H

#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"

/* Tokens that are remembered: 32 bytes each, so at most 512 KiB a key, of which the kernel gives
 * only what is used. */
#define SIGNATURE_CACHE_ENTRIES 16384u

/* What stands for an algorithm, a text and its signature: their SHA-256. */
struct signature_mark {
    uint64_t words[4];
};

/* Part of one key and gone with it: what it says is true of that key for ever, for whether a
 * signature is the key's does not change. Everything else about a token (when it ends, fences, that
 * its key is still here) is no part of this and is asked each time. Thread any, without a lock. */
struct signature_cache;

MUST_CHECK int signature_cache_new(struct signature_cache **ret);
void signature_cache_free(struct signature_cache *cache); /* NULL is fine */

/* False when OpenSSL has no memory: then nothing is known. */
MUST_CHECK bool signature_mark(struct signature_mark *ret, const EVP_MD *sha256, unsigned algorithm,
                               struct bytes signed_part, struct bytes signature);
bool signature_cache_has(const struct signature_cache *cache, const struct signature_mark *mark);
/* Only for a signature that was verified. In the place of another when there is no room. */
void signature_cache_put(struct signature_cache *cache, const struct signature_mark *mark);

#endif
