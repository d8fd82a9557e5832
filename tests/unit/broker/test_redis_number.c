/* SPDX-License-Identifier: Apache-2.0 */
/* test_redis_number.c: numbers and epochs come back as they were written; nothing else is taken. */
#include "broker/redis_fleet.h"
#include "mcp_auth/error.h"
#include "unit.h"

TEST(a_number_comes_back_as_it_was_written)
{
    static const uint64_t numbers[] = {0, 1, 9, 10, 4096, UINT64_C(9999999999999999999)};
    char text[FLEET_NUMBER_SIZE];
    uint64_t back;

    for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
        CHECK_EQ(fleet_number_read(fleet_number(text, numbers[i]), &back), 0);
        CHECK(back == numbers[i]);
    }
    CHECK_EQ(fleet_number(text, UINT64_MAX).size, 20);
}

TEST(what_is_no_number_is_refused)
{
    static const char *const texts[] = {"", "-1", "+1", " 1", "1 ", "1e3", "10000000000000000000"};
    uint64_t back = 7;

    for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
        CHECK_EQ(fleet_number_read(bytes_of(texts[i]), &back), MCP_AUTH_E_INVALID);
    CHECK(back == 7);
}

TEST(an_epoch_is_sixteen_small_hex_digits_and_never_none)
{
    static const char *const texts[] = {"", "00000000000000e", "00000000000000E1",
                                        "0000000000000000", "00000000000000e1 "};
    char text[FLEET_EPOCH_SIZE];
    uint64_t back = 7;

    for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
        CHECK_EQ(fleet_epoch_read(bytes_of(texts[i]), &back), MCP_AUTH_E_INVALID);
    CHECK(back == 7);
    CHECK_EQ(fleet_epoch_read(fleet_epoch_text(text, UINT64_C(0xfedcba9876543210)), &back), 0);
    CHECK(back == UINT64_C(0xfedcba9876543210));
    CHECK(bytes_equal(fleet_epoch_text(text, 0xe1), BYTES("00000000000000e1")));
}
