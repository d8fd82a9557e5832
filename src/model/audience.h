/* SPDX-License-Identifier: Apache-2.0 */
/* audience.h: the words of the index that finds who may see an event, live and in the past. */
#ifndef MODEL_AUDIENCE_H
#define MODEL_AUDIENCE_H

#include "base/bytes.h"
#include "model/limits.h"

/* Views, by who looks: administrators see all; the subject (user_id) and the target see
 * themselves; watchers are those that only the policy admits. */
enum view { VIEW_FULL, VIEW_SUBJECT, VIEW_TARGET, VIEW_WATCHER, VIEWS };

enum audience_kind {
    AUDIENCE_ADMINS = 'a',
    AUDIENCE_USER = 'u',
    AUDIENCE_ROLE = 'r',
    AUDIENCE_PERMISSION = 'p',     /* an exact permission */
    AUDIENCE_ANY_PERMISSION = '*', /* every event of the tenant that names a permission */
};

/* Index key: kind, tenant, unit separator, name. Tenants and names hold no control characters,
 * so that no two different pairs have the same text. */
#define AUDIENCE_KEY_MAX (1u + TENANT_SIZE_MAX + 1u + PERMISSION_SIZE_MAX)
/* Writes the key and returns its size; ret holds 2 + tenant.size + name.size. */
size_t audience_key_write(char *ret, enum audience_kind kind, struct bytes tenant,
                          struct bytes name);

struct audience_key {
    enum audience_kind kind; /* never AUDIENCE_ANY_PERMISSION in an event */
    enum view view;          /* of who is found by it and is no administrator */
    struct bytes name;       /* user, role or permission; points into text */
    struct bytes text;       /* the whole key */
};

#endif
