/* SPDX-License-Identifier: Apache-2.0 */
/* test_utf8.c: exactly the encodings of RFC 3629 pass, cut anywhere. */
#include "base/utf8.h"

#include "unit.h"

/* Encodes without judging, so that what must be refused can be made as well. */
static size_t encode(uint32_t code, size_t size, uint8_t *to)
{
    static const uint8_t lead[] = {0, 0x00, 0xc0, 0xe0, 0xf0};

    for (size_t i = size; i-- > 1; code >>= 6)
        to[i] = (uint8_t)(0x80 | (code & 0x3f));
    to[0] = (uint8_t)(lead[size] | code);
    return size;
}

/* The same answer however the bytes arrive: cut once at every place, and one by one. */
static bool valid_in_every_split(const uint8_t *data, size_t size)
{
    bool whole = utf8_valid(data, size), alone = true;
    struct utf8 single = {0};

    for (size_t cut = 0; cut <= size; cut++) {
        struct utf8 state = {0};
        bool parts = utf8_feed(&state, data, cut) && utf8_feed(&state, data + cut, size - cut) &&
                     utf8_complete(&state);

        CHECK_EQ(parts, whole);
    }
    for (size_t i = 0; i < size && alone; i++)
        alone = utf8_feed(&single, data + i, 1);
    CHECK_EQ(alone && utf8_complete(&single), whole);
    return whole;
}

TEST(every_code_point_is_valid_and_every_surrogate_is_not)
{
    uint8_t data[4];

    for (uint32_t code = 0; code < 0x110000; code++) {
        size_t size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
        bool surrogate = code >= 0xd800 && code <= 0xdfff;

        CHECK_EQ(utf8_valid(data, encode(code, size, data)), !surrogate);
    }
    CHECK(!utf8_valid(data, encode(0x110000, 4, data)));
    CHECK(!utf8_valid(data, encode(0x13ffff, 4, data)));
}

TEST(every_overlong_form_is_refused)
{
    uint8_t data[4];

    for (uint32_t code = 0; code < 0x10000; code++) {
        if (code < 0x80)
            CHECK(!utf8_valid(data, encode(code, 2, data)));
        if (code < 0x800)
            CHECK(!utf8_valid(data, encode(code, 3, data)));
        CHECK(!utf8_valid(data, encode(code, 4, data)));
    }
}

TEST(bytes_that_begin_nothing_are_refused_at_once)
{
    for (unsigned byte = 0x80; byte < 0x100; byte++) {
        struct utf8 checked = {0};
        uint8_t b = (uint8_t)byte;

        CHECK_EQ(utf8_feed(&checked, &b, 1), byte >= 0xc2 && byte <= 0xf4);
    }
}

TEST(a_text_may_be_cut_anywhere)
{
    static const char text[] = "plain ascii, long enough for words "
                               "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x94\x92 "
                               "\xf4\x8f\xbf\xbf \xed\x9f\xbf"
                               " and then more ascii text";
    uint8_t data[sizeof text - 1];

    memcpy(data, text, sizeof data);
    CHECK(valid_in_every_split(data, sizeof data));
    /* Damage every byte in turn: the answer may differ, but not with the cut. */
    for (size_t i = 0; i < sizeof data; i++) {
        static const uint8_t damage[] = {0x80, 0xc0, 0xff, 0xe2, 'a'};

        for (size_t j = 0; j < sizeof damage; j++) {
            uint8_t was = data[i];

            data[i] = damage[j];
            (void)valid_in_every_split(data, sizeof data);
            data[i] = was;
        }
    }
}

TEST(a_character_that_does_not_end_is_incomplete)
{
    static const uint8_t lock[] = {0xf0, 0x9f, 0x94, 0x92};

    for (size_t size = 1; size < sizeof lock; size++) {
        struct utf8 checked = {0};

        CHECK(utf8_feed(&checked, lock, size));
        CHECK(!utf8_complete(&checked));
        CHECK(!utf8_feed(&checked, "a", 1));
        CHECK(!utf8_valid(lock, size));
    }
    CHECK(utf8_valid("", 0));
    CHECK(utf8_valid(NULL, 0));
    CHECK(utf8_valid("\0", 1));
}
