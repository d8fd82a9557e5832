/* SPDX-License-Identifier: Apache-2.0 */
/* audience.c: writes the keys of the audience index. */
#include "model/audience.h"

#include <assert.h>

#define UNIT_SEPARATOR '\x1f'

size_t audience_key_write(char *ret, enum audience_kind kind, struct bytes tenant,
                          struct bytes name)
{
    char *at = ret;

    assert(kind == AUDIENCE_ADMINS || kind == AUDIENCE_USER || kind == AUDIENCE_ROLE ||
           kind == AUDIENCE_PERMISSION || kind == AUDIENCE_ANY_PERMISSION);
    *at++ = (char)kind;
    if (tenant.size > 0)
        memcpy(at, tenant.data, tenant.size);
    at += tenant.size;
    *at++ = UNIT_SEPARATOR;
    if (name.size > 0)
        memcpy(at, name.data, name.size);
    at += name.size;
    return (size_t)(at - ret);
}
