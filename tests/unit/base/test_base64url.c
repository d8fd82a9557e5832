/* SPDX-License-Identifier: Apache-2.0 */
/* test_base64url.c: every value has exactly one text, and nothing else is accepted. */
#include "base/base64url.h"

#include <stdbool.h>

#include "base/random.h"
#include "mcp_auth/error.h"
#include "unit.h"

static int decode(const char *text, char *ret)
{
    return base64url_decode(bytes_of(text), ret);
}

TEST(known_texts_decode_and_encode_back)
{
    static const char *const pairs[][2] = {
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xbf", "-_-_"},
    };

    for (size_t i = 0; i < ARRAY_COUNT(pairs); i++) {
        char text[16] = {0}, data[16] = {0};
        size_t size = strlen(pairs[i][0]);

        base64url_encode(pairs[i][0], size, text);
        assert_string_equal(text, pairs[i][1]);
        CHECK_EQ(BASE64URL_SIZE(size), strlen(text));
        CHECK_EQ(decode(text, data), size);
        assert_memory_equal(data, pairs[i][0], size);
    }
}

TEST(random_bytes_of_every_size_come_back)
{
    uint64_t run_seed = 5;
    struct random random = random_seeded(&run_seed);

    for (size_t size = 0; size < 200; size++) {
        char text[BASE64URL_SIZE(200)], data[200], back[200];

        random.fill(random.owner, data, size);
        base64url_encode(data, size, text);
        CHECK_EQ(base64url_decode((struct bytes){text, BASE64URL_SIZE(size)}, back), size);
        assert_memory_equal(data, back, size);
    }
}

/* Of all texts of two and of three characters, exactly 256 and 65536 are values. */
TEST(no_two_texts_are_the_same_value)
{
    char ret[4], text[4];
    unsigned two = 0, three = 0;

    for (int a = 0; a < 128; a++) {
        for (int b = 0; b < 128; b++) {
            text[0] = (char)a;
            text[1] = (char)b;
            two += base64url_decode((struct bytes){text, 2}, ret) == 1;
            for (int c = 0; c < 128; c++) {
                text[2] = (char)c;
                three += base64url_decode((struct bytes){text, 3}, ret) == 2;
            }
        }
    }
    CHECK_EQ(two, 256);
    CHECK_EQ(three, 65536);
}

TEST(what_is_not_canonical_is_refused)
{
    static const char *const bad[] = {
        "Z",     "Zm9vY",          /* impossible lengths */
        "Zg==",  "Zm8=",  "Zm9v=", /* padding */
        "Zh",    "Zm9",            /* unused bits set */
        "Zm9v+", "a/aa",  "a+aa",  /* the other alphabet */
        " Zg",   "Zg\n",  "Z g",   "Zm9v\n", "\xc3\xa9", "Zm.v",
    };
    char ret[16];

    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        CHECK_EQ(decode(bad[i], ret), MCP_AUTH_E_INVALID);
    CHECK_EQ(base64url_decode((struct bytes){"Zm\0v", 4}, ret), MCP_AUTH_E_INVALID);
}
