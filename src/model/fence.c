/* SPDX-License-Identifier: Apache-2.0 */
/* fence.c: which tokens and which held permissions a fence covers. */
#include "model/fence.h"

#include <assert.h>

#include "model/identity.h"

bool fence_covers_token(const struct fence *fence, int64_t issued_at_ms, int64_t skew_ms)
{
    int64_t until_ms;

    assert(skew_ms >= 0);
    if (fence->scope == FENCE_TOKEN)
        return true;
    if (issued_at_ms == NO_TIME) /* it cannot show that it is newer */
        return true;
    if (__builtin_add_overflow(fence->not_before_ms, skew_ms, &until_ms))
        return true;
    return issued_at_ms <= until_ms;
}

bool fence_covers_permission(struct bytes fenced, struct bytes held)
{
    /* One wildcard covers a narrower one as if that were literal text: "docs:*" takes "docs:r*". */
    return permission_covers(fenced, held);
}
