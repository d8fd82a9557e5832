/* SPDX-License-Identifier: Apache-2.0 */
/* audience_index.h: administrators, role, permission to the authorities they find. */
#ifndef HUB_AUDIENCE_INDEX_H
#define HUB_AUDIENCE_INDEX_H

#include "base/map.h"
#include "model/audience.h"

struct authority;

/* An authority in an audience, where it is known by the number of its member. */
struct audience_place {
    struct authority *authority;
    uint32_t member;
};

/* All authorities under one key, in no order. Lives as long as it has any. */
struct audience {
    struct audience_place *places;
    uint32_t count, room;
    size_t key_size;
    char key[];
};

/* One authority under one key. */
struct member {
    struct audience *audience; /* NULL: not in */
    uint32_t place;
};

/* A permission held as "prefix*" stands under its own text. To find its holders for an exact
 * permission, each prefix of that is looked up, of those sizes that anybody holds. */
struct audience_index {
    struct map audiences;
    char *scratch; /* for keys */
    size_t scratch_size;
    unsigned *wildcards_by_size; /* members per size of prefix */
    size_t wildcard_size_max;    /* sizes 0 .. this - 1 are counted */
};

MUST_CHECK int audience_index_init(struct audience_index *index, const uint8_t seed[16]);
void audience_index_done(struct audience_index *index);
/* Enters authority->members[member], which is zeroed, under a key. MCP_AUTH_E_NOMEM. */
MUST_CHECK int audience_index_enter(struct audience_index *index, struct authority *authority,
                                    uint32_t member, enum audience_kind kind, struct bytes tenant,
                                    struct bytes name);
/* Not in: fine. */
void audience_index_leave(struct audience_index *index, struct authority *authority,
                          uint32_t member);
/* NULL when nobody is there. No allocation. */
struct audience *audience_index_find(const struct audience_index *index, struct bytes key);

/* The holders of wildcards over one exact permission, prefix by prefix: start with *size == 0 (the
 * empty prefix first); NULL at the end. */
struct audience *audience_index_next_wildcard(const struct audience_index *index,
                                              struct bytes tenant, struct bytes permission,
                                              size_t *size);

#endif
