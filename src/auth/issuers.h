/* SPDX-License-Identifier: Apache-2.0 */
/* issuers.h: who may sign tokens here, each with keys and tenants of its own; replaced whole. */
#ifndef AUTH_ISSUERS_H
#define AUTH_ISSUERS_H

#include "auth/keyring.h"
#include "model/identity.h"

#define ISSUERS_MAX 64u
#define ISSUER_TENANTS_MAX 1000u
#define ISSUER_NAME_SIZE_MAX 1024u /* and of an audience */

/* One that was named. Its keys verify the tokens that bear its name in `iss`, and no others. */
struct issuer {
    struct bytes name;     /* of `iss`, to the byte; absent: of all that are not named */
    struct bytes audience; /* "*": any */
    bool any_tenant;
    const struct bytes *tenants; /* whom it may speak for; "" is that of tokens without a tenant */
    unsigned tenants_count;
    struct bytes url;    /* where (more of) its keys come from; absent: from nowhere */
    unsigned algorithms; /* bits that those may be of; 0: any */
    struct keyring *keys;
    uint64_t mark;   /* of the name */
    unsigned source; /* of its address, from 1; 0: none */
    bool awaited;    /* nothing has come from there yet */
};

/* To whoever fetches keys. Thread any. */
struct issuers_port {
    void (*lacking)(void *owner, unsigned source); /* never waits */
    void (*release)(void *owner);                  /* these issuers are gone */
};

/* Immutable after it is built, shared by atomics. */
struct issuers {
    atomic_uint refs;
    const struct issuers_port *port; /* NULL: nobody fetches keys */
    void *owner;
    struct issuer rest; /* the settings': any tenant; names are as the token rules say */
    unsigned count;
    struct issuer *items; /* by name, as their tenants are */
};

/* The keys of the settings, and the issuers that were named (mark: not read; source, awaited: kept). References the rings,
 * copies the rest. At most ISSUERS_MAX, of different names (assert). MCP_AUTH_E_NOMEM. */
MUST_CHECK int issuers_new(struct issuers **ret, struct keyring *rest, const struct issuer *named,
                           unsigned count);
struct issuers *issuers_ref(struct issuers *issuers);
void issuers_unref(struct issuers *issuers); /* NULL is fine */
unsigned issuers_keys_count(const struct issuers *issuers);
unsigned issuers_awaited(const struct issuers *issuers); /* how many */

/* Whose keys a token with this `iss` (absent: it has none) is to be verified by. The name is not
 * verified then: it chooses the keys, and a token that they have not signed goes no further. */
const struct issuer *issuers_find(const struct issuers *issuers, struct bytes name);
/* A token was not verified. When it names a key that this issuer has not, and its keys are fetched,
 * it may have a new one: that is told to the port. */
void issuers_lack(const struct issuers *issuers, const struct issuer *issuer, struct bytes kid);
bool issuer_speaks_for(const struct issuer *issuer, struct bytes tenant);

/* 64 bits that stand for a name in an identity; 0 for none. */
uint64_t issuer_mark(struct bytes name);
/* A name in a setting or file that every token has: there is none, or it is "*". */
bool issuer_any(struct bytes configured);
/* Would the issuer of these claims, as it is here, still be believed: does it have the key, and may
 * it speak for the tenant? `rest`: the name that tokens of no named issuer must have. */
bool issuers_vouch(const struct issuers *issuers, struct bytes rest, const struct claims *claims);

#endif
