/* SPDX-License-Identifier: Apache-2.0 */
/* test_fence.c: a fence covers old tokens and what it names, and no more. */
#include "model/fence.h"

#include "model/identity.h"
#include "unit.h"

TEST(a_token_is_covered_until_the_skew_after_the_fence)
{
    static const struct {
        int64_t not_before, issued_at, skew;
        bool covered;
    } rows[] = {
        {100000, NO_TIME, 5000, true},      {100000, 0, 5000, true},
        {100000, 100000, 0, true},          {100000, 100001, 0, false},
        {100000, 105000, 5000, true},       {100000, 105001, 5000, false},
        {INT64_MAX, INT64_MAX, 5000, true}, {-100000, -99999, 0, false},
        {0, INT64_MAX, 5000, false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fence fence = {.not_before_ms = rows[i].not_before};

        CHECK_EQ(fence_covers_token(&fence, rows[i].issued_at, rows[i].skew), rows[i].covered);
    }
}

TEST(a_fenced_permission_covers_what_its_wildcard_covers)
{
    static const struct {
        const char *fenced, *held;
        bool covered;
    } rows[] = {
        {"docs:read", "docs:read", true},
        {"docs:read", "docs:reader", false},
        {"docs:read", "docs:*", false},
        {"docs:read", "*", false},
        {"docs:*", "docs:read", true},
        {"docs:*", "docs:*", true},
        {"docs:*", "docs:r*", true},
        {"docs:*", "docs", false},
        {"docs:*", "*", false},
        {"*", "docs:read", true},
        {"*", "*", true},
        {"do*s:read", "docs:read", false},
        {"docs:read", "DOCS:READ", false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK_EQ(fence_covers_permission(bytes_of(rows[i].fenced), bytes_of(rows[i].held)),
                 rows[i].covered);
}
