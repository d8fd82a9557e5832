/* SPDX-License-Identifier: Apache-2.0 */
/* test_siphash.c: SipHash-2-4 gives the value published with it, at any alignment. */
#include "base/siphash.h"

#include "unit.h"

static const uint8_t key[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

TEST(siphash_gives_the_value_of_the_paper)
{
    uint8_t data[15];

    for (uint8_t i = 0; i < sizeof data; i++)
        data[i] = i;
    CHECK(siphash(key, data, sizeof data) == 0xa129ca6149be45e5u); /* appendix A */
    CHECK(siphash(key, "", 0) == 0x726fdb47dd0e0e31u);             /* first reference vector */
}

TEST(siphash_does_not_depend_on_alignment)
{
    char buffer[64 + 8];
    const char text[] = "0123456789abcdefghijklmnopqrstuvwxyz";

    for (size_t shift = 0; shift < 8; shift++) {
        memcpy(buffer + shift, text, sizeof text);
        for (size_t size = 0; size <= sizeof text; size++)
            CHECK(siphash(key, buffer + shift, size) == siphash(key, text, size));
    }
}

TEST(siphash_differs_by_key_and_by_trailing_zeros)
{
    uint8_t other[16] = {1};
    const char zeros[16] = {0};

    CHECK(siphash(key, "a", 1) != siphash(other, "a", 1));
    for (size_t size = 0; size < sizeof zeros; size++)
        CHECK(siphash(key, zeros, size) != siphash(key, zeros, size + 1));
    CHECK(siphash(key, NULL, 0) == siphash(key, "", 0));
}
