/* SPDX-License-Identifier: Apache-2.0 */
/* keyring.c: the keys that tokens may be signed with, parsed once; replaced as a whole. */
#include "auth/keyring.h"

#include <assert.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "auth/key.h"
#include "mcp_auth/error.h"

#define ALGORITHMS_ALL (BIT(JWT_ALGORITHMS) - 1)
#define PEM_SIZE_MAX (256u * 1024u) /* 16 certificates with long names are far below */

static const char *const algorithm_texts[JWT_ALGORITHMS] = {
#define TEXT_ROW(name, text, family, bits) [JWT_##name] = text,
    JWT_ALGORITHM_LIST(TEXT_ROW)
#undef TEXT_ROW
};

int jwt_algorithm_find(struct bytes text)
{
    for (int i = 0; i < JWT_ALGORITHMS; i++)
        if (bytes_equal(text, bytes_of(algorithm_texts[i])))
            return i;
    if (bytes_equal(text, BYTES("Ed25519")))
        return JWT_EDDSA;
    return MCP_AUTH_E_NOT_FOUND;
}

int keyring_new(struct keyring **ret, unsigned algorithms)
{
    static atomic_ullong generations;
    struct keyring *ring = calloc(1, sizeof *ring);

    if (!ring)
        return MCP_AUTH_E_NOMEM;
    ring->keys = calloc(KEYRING_KEYS_MAX, sizeof *ring->keys);
    if (!ring->keys) {
        free(ring);
        return MCP_AUTH_E_NOMEM;
    }
    atomic_init(&ring->refs, 1);
    ring->allowed = algorithms ? algorithms : ALGORITHMS_ALL;
    ring->generation = atomic_fetch_add(&generations, 1) + 1;
    *ret = ring;
    return 0;
}

struct keyring *keyring_ref(struct keyring *ring)
{
    atomic_fetch_add_explicit(&ring->refs, 1, memory_order_relaxed);
    return ring;
}

void keyring_unref(struct keyring *ring)
{
    if (!ring || atomic_fetch_sub_explicit(&ring->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (unsigned i = 0; i < ring->keys_count; i++)
        key_done(&ring->keys[i]);
    keyring_unref(ring->more);
    free(ring->keys);
    free(ring);
}

void keyring_join(struct keyring *ring, struct keyring *more)
{
    assert(!ring->more);
    ring->more = keyring_ref(more);
}

unsigned keyring_algorithms(const struct keyring *ring)
{
    unsigned algorithms = 0;

    for (unsigned i = 0; i < ring->keys_count; i++)
        algorithms |= ring->keys[i].algorithms;
    algorithms &= ring->allowed;
    return ring->more ? algorithms | keyring_algorithms(ring->more) : algorithms;
}

int keyring_add_key(struct keyring *ring, struct key *key, const char **ret_why)
{
    int r = 0;

    if (ring->keys_count == KEYRING_KEYS_MAX) {
        *ret_why = "there are too many keys";
        r = MCP_AUTH_E_FULL;
    } else if (!(key->algorithms & ring->allowed)) {
        *ret_why = "the key serves none of the algorithms that are allowed";
        r = MCP_AUTH_E_INVALID;
    }
    if (r < 0)
        key_done(key);
    else
        ring->keys[ring->keys_count++] = *key;
    return r;
}

void keyring_drop_since(struct keyring *ring, unsigned count)
{
    while (ring->keys_count > count)
        key_done(&ring->keys[--ring->keys_count]);
}

int keyring_add_secret(struct keyring *ring, struct bytes secret, const char **ret_why)
{
    struct key key;
    int r = key_from_secret(&key, secret, ret_why);

    return r < 0 ? r : keyring_add_key(ring, &key, ret_why);
}

/* The public key of one PEM block; NULL with *ret_why when it is none. */
static EVP_PKEY *block_key(const char *name, const unsigned char *data, long size,
                           const char **ret_why)
{
    const unsigned char *end = data + size;
    EVP_PKEY *public_key = NULL;

    *ret_why = "it is neither a PUBLIC KEY nor a CERTIFICATE";
    if (strstr(name, "PRIVATE KEY")) {
        *ret_why = "it holds a private key: give this server the public one only";
    } else if (strcmp(name, PEM_STRING_PUBLIC) == 0) {
        public_key = d2i_PUBKEY(NULL, &data, size);
        *ret_why = "the public key cannot be read";
    } else if (strcmp(name, PEM_STRING_X509) == 0) {
        X509 *certificate = d2i_X509(NULL, &data, size);

        public_key = certificate ? X509_get_pubkey(certificate) : NULL;
        X509_free(certificate);
        *ret_why = "the certificate cannot be read";
    }
    if (public_key && data != end) { /* something follows the DER: not what anybody meant */
        EVP_PKEY_free(public_key);
        return NULL;
    }
    return public_key;
}

static int add_block(struct keyring *ring, const char *name, const unsigned char *data, long size,
                     const char **ret_why)
{
    EVP_PKEY *public_key = block_key(name, data, size, ret_why);
    struct key key;
    int r;

    if (!public_key)
        return MCP_AUTH_E_INVALID;
    r = key_from_public(&key, public_key, ret_why); /* takes it */
    return r < 0 ? r : keyring_add_key(ring, &key, ret_why);
}

/* 1 when a key was added, 0 at the end of the text. */
static int add_next(struct keyring *ring, BIO *bio, const char **ret_why)
{
    char *name = NULL, *header = NULL;
    unsigned char *data = NULL;
    long size = 0;
    unsigned long error;
    int r;

    if (PEM_read_bio(bio, &name, &header, &data, &size) != 1) {
        error = ERR_peek_last_error();
        if (ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE)
            return 0; /* the end is told as an error; anything else is a block that is damaged */
        *ret_why = "a PEM block is damaged or cut off";
        return MCP_AUTH_E_INVALID;
    }
    r = add_block(ring, name, data, size, ret_why);
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(data, (size_t)size); /* it may have been a private key */
    return r < 0 ? r : 1;
}

int keyring_add_pem(struct keyring *ring, struct bytes pem, const char **ret_why)
{
    unsigned before = ring->keys_count;
    BIO *bio;
    int r;

    if (pem.size == 0 || pem.size > PEM_SIZE_MAX) {
        *ret_why = pem.size ? "the PEM text is longer than 256 KiB" : "the PEM text is empty";
        return MCP_AUTH_E_INVALID;
    }
    *ret_why = "out of memory";
    bio = BIO_new_mem_buf(pem.data, (int)pem.size);
    r = bio ? 1 : MCP_AUTH_E_NOMEM;
    while (r > 0)
        r = add_next(ring, bio, ret_why);
    BIO_free(bio);
    ERR_clear_error();

    if (r == 0 && ring->keys_count == before) {
        *ret_why = "there is no PEM block in it";
        r = MCP_AUTH_E_INVALID;
    }
    if (r < 0)
        keyring_drop_since(ring, before);
    return r;
}

/* RFC 7515 section 4.1.4: a hint which key it was. One without a name may be any. */
static bool may_be_meant(const struct key *key, struct bytes kid)
{
    return !bytes_present(kid) || !bytes_present(key->kid) || bytes_equal(kid, key->kid);
}

int keyring_verify(const struct keyring *ring, enum jwt_algorithm algorithm, struct bytes kid,
                   struct bytes signed_part, struct bytes signature, uint64_t *ret_fingerprint)
{
    int r = MCP_AUTH_E_REFUSED;

    assert(algorithm < JWT_ALGORITHMS);
    for (unsigned i = 0; i < ring->keys_count && r == MCP_AUTH_E_REFUSED; i++) {
        const struct key *key = &ring->keys[i];

        if (!(key->algorithms & ring->allowed & BIT(algorithm)) || !may_be_meant(key, kid))
            continue;
        r = key_verify(key, algorithm, signed_part, signature);
        if (r == 0 && ret_fingerprint)
            *ret_fingerprint = key->fingerprint;
    }
    if (r == MCP_AUTH_E_REFUSED && ring->more)
        r = keyring_verify(ring->more, algorithm, kid, signed_part, signature, ret_fingerprint);
    return r;
}

bool keyring_has(const struct keyring *ring, uint64_t fingerprint)
{
    for (unsigned i = 0; i < ring->keys_count; i++)
        if (ring->keys[i].fingerprint == fingerprint)
            return true;
    return ring->more && keyring_has(ring->more, fingerprint);
}

bool keyring_has_kid(const struct keyring *ring, struct bytes kid)
{
    for (unsigned i = 0; i < ring->keys_count; i++)
        if (bytes_present(ring->keys[i].kid) && bytes_equal(ring->keys[i].kid, kid))
            return true;
    return ring->more && keyring_has_kid(ring->more, kid);
}

unsigned keyring_count(const struct keyring *ring)
{
    return ring->keys_count + (ring->more ? keyring_count(ring->more) : 0);
}
