/* SPDX-License-Identifier: Apache-2.0 */
/* test_nearest.c: a slip of the hand is understood, another word is not. */
#include "wire/nearest.h"

#include "unit.h"

TEST(a_slip_finds_the_event_type_that_was_meant)
{
    CHECK_TEXT(nearest_event_type(BYTES("role_revokd")), "role_revoked");
    CHECK_TEXT(nearest_event_type(BYTES("ROLE-ASSIGNED")), "role_assigned");
    CHECK_TEXT(nearest_event_type(BYTES("permision_granted")), "permission_granted");
    CHECK(!bytes_present(nearest_event_type(BYTES("login"))));
    CHECK(!bytes_present(nearest_event_type(BYTES(""))));
}

TEST(texts_of_any_size_are_looked_at_safely)
{
    static const struct bytes words[] = {{"a", 1}, {"", 0}};
    char text[NEAREST_SIZE_MAX + 2];

    memset(text, 'a', sizeof text);
    for (size_t size = 0; size <= sizeof text; size++)
        CHECK(!bytes_present(nearest_word((struct bytes){text, size}, words, 2)) || size <= 2);
}

TEST(a_clipped_text_never_ends_in_half_a_character)
{
    static const char text[] = "ab\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z"; /* 2 + 2 + 3 + 4 + 1 */
    static const size_t kept[] = {0, 1, 2, 2, 4, 4, 4, 7, 7, 7, 7, 11, 12, 12};
    char room[16];

    for (size_t size = 0; size < sizeof kept / sizeof kept[0]; size++) {
        clip_text(room, size + 1, bytes_of(text));
        CHECK_EQ(strlen(room), kept[size]);
        assert_memory_equal(room, text, kept[size]);
    }
    clip_text(room, sizeof room, (struct bytes){0});
    CHECK_EQ(room[0], '\0');
}
