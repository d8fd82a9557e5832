/* SPDX-License-Identifier: Apache-2.0 */
/* hmac.c: HMAC (RFC 2104) with the key already taken in, for many short messages. */
#include "auth/hmac.h"

#include <assert.h>
#include <openssl/crypto.h>

#include "mcp_auth/error.h"

#define BLOCK_SIZE_MAX 128u /* of SHA-384 and SHA-512; SHA-256 has 64 */

static EVP_MD_CTX *begin(const struct hmac_key *key, const unsigned char *block, size_t size,
                         unsigned char pad)
{
    unsigned char padded[BLOCK_SIZE_MAX];
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    for (size_t i = 0; i < size; i++)
        padded[i] = block[i] ^ pad;
    if (!context || EVP_DigestInit_ex2(context, key->digest, NULL) != 1 ||
        EVP_DigestUpdate(context, padded, size) != 1) {
        EVP_MD_CTX_free(context);
        context = NULL;
    }
    OPENSSL_cleanse(padded, sizeof padded);
    return context;
}

int hmac_key_init(struct hmac_key *key, unsigned bits, struct bytes secret)
{
    const char *name = bits == 256 ? "SHA256" : bits == 384 ? "SHA384" : "SHA512";
    unsigned char block[BLOCK_SIZE_MAX] = {0};
    size_t block_size;

    assert(bits == 256 || bits == 384 || bits == 512);
    *key = (struct hmac_key){.digest = EVP_MD_fetch(NULL, name, NULL)};
    if (!key->digest)
        return MCP_AUTH_E_NOMEM;
    block_size = (size_t)EVP_MD_get_block_size(key->digest);
    if (secret.size <= block_size) /* RFC 2104: a longer key is hashed first */
        memcpy(block, secret.data, secret.size);
    else if (EVP_Digest(secret.data, secret.size, block, NULL, key->digest, NULL) != 1)
        block_size = 0;
    if (block_size > 0) {
        key->inner = begin(key, block, block_size, 0x36);
        key->outer = begin(key, block, block_size, 0x5c);
    }
    OPENSSL_cleanse(block, sizeof block);
    if (!key->inner || !key->outer) {
        hmac_key_done(key);
        return MCP_AUTH_E_NOMEM;
    }
    return 0;
}

void hmac_key_done(struct hmac_key *key)
{
    EVP_MD_CTX_free(key->inner);
    EVP_MD_CTX_free(key->outer);
    EVP_MD_free(key->digest);
    *key = (struct hmac_key){0};
}

static bool finish(EVP_MD_CTX *scratch, const EVP_MD_CTX *state, struct bytes message,
                   unsigned char *ret, unsigned *ret_size)
{
    return EVP_MD_CTX_copy_ex(scratch, state) == 1 &&
           EVP_DigestUpdate(scratch, message.data, message.size) == 1 &&
           EVP_DigestFinal_ex(scratch, ret, ret_size) == 1;
}

int hmac_sign(const struct hmac_key *key, struct bytes message, unsigned char *ret)
{
    EVP_MD_CTX *scratch = EVP_MD_CTX_new();
    unsigned size = 0;
    bool signed_ = scratch && finish(scratch, key->inner, message, ret, &size) &&
                   finish(scratch, key->outer, (struct bytes){(char *)ret, size}, ret, &size);

    EVP_MD_CTX_free(scratch);
    return signed_ ? (int)size : MCP_AUTH_E_NOMEM;
}
