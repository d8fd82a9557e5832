/* SPDX-License-Identifier: Apache-2.0 */
/* test_json_scan.c: what is plain is what jansson reads, and nothing that it refuses. */
#include "codec/json_scan.h"

#include "mcp_auth/error.h"
#include "unit.h"

static json_t *built(struct bytes text)
{
    json_t *value = NULL;
    size_t at;

    CHECK_EQ(json_scan(text, &value, &at) == JSON_PLAIN, value != NULL);
    return value;
}

/* Read by both from memory that ends where the text does. True when it was built from plain sight;
 * of what is only looked at, jansson must say the same, too. */
static bool agrees(struct bytes text)
{
    char *copy = malloc(text.size ? text.size : 1);
    enum json_scanned looked;
    json_t *quick, *slow;
    json_error_t error;
    bool starved;
    size_t at;

    assert_non_null(copy);
    memcpy(copy, text.data, text.size);
    quick = built((struct bytes){copy, text.size});
    looked = json_scan((struct bytes){copy, text.size}, NULL, &at);
    slow = json_load_watched(text, JSON_REJECT_DUPLICATES, &error, &starved);
    free(copy);
    if ((quick && (!slow || !json_equal(quick, slow))) || (looked == JSON_PLAIN && !slow) ||
        (looked == JSON_BROKEN && slow))
        fail_msg("read otherwise than by jansson: %.*s", (int)text.size, text.data);
    json_decref(quick);
    json_decref(slow);
    return quick != NULL;
}

#define CHECK_PLAIN(text) CHECK(agrees(BYTES(text)))
#define CHECK_LEFT(text) CHECK(!agrees(BYTES(text)))

TEST(plain_texts_are_built)
{
    CHECK_PLAIN("{\"alg\":\"HS256\",\"typ\":\"JWT\"}");
    CHECK_PLAIN(" {\r\n\t\"a\" : [ 1 , -2 , {} , [ ] , \"\" ] , \"\" : null } ");
    CHECK_PLAIN("{\"sub\":\"u\",\"roles\":[\"a\",\"b\"],\"exp\":1900000000,\"x\":{\"y\":true}}");
    CHECK_PLAIN("[0,-0,-1,999999999999999999,-999999999999999999,false]");
    CHECK_PLAIN("\"\xc3\xa9\xf0\x9f\x98\x80\x7f\"");
    CHECK_PLAIN("7");
}

TEST(what_is_not_plain_is_left_to_jansson)
{
    CHECK_LEFT("");
    CHECK_LEFT(" ");
    CHECK_LEFT("\"a\\\"b\"");
    CHECK_LEFT("\"a\\");
    CHECK_LEFT("\"a\\u0041\"");
    CHECK_LEFT("1.5");
    CHECK_LEFT("1e3");
    CHECK_LEFT("1000000000000000000");
    CHECK_LEFT("[9223372036854775808]");
    CHECK_LEFT("-99999999999999999999999999999999999999");
    CHECK_LEFT("{\"a234567890123456789012345678901234567890123456789012345678901234\":1}");
}

TEST(what_is_wrong_is_left_to_jansson)
{
    CHECK_LEFT("{\"a\":1,\"a\":1}");
    CHECK_LEFT("{\"a\":1,\"b\":2,\"a\":3}");
    CHECK_LEFT("{\"a\":1,}");
    CHECK_LEFT("{,}");
    CHECK_LEFT("{\"a\"}");
    CHECK_LEFT("{\"a\":}");
    CHECK_LEFT("{\"a\":1");
    CHECK_LEFT("{\"a\":1]");
    CHECK_LEFT("{\"a\":1\0}");
    CHECK_LEFT("[1,2}");
    CHECK_LEFT("[1 2]");
    CHECK_LEFT("[");
    CHECK_LEFT("{\0");
    CHECK_LEFT("01");
    CHECK_LEFT("-");
    CHECK_LEFT("-01");
    CHECK_LEFT("+1");
    CHECK_LEFT("1x");
    CHECK_LEFT("truex");
    CHECK_LEFT("tru");
    CHECK_LEFT("\"a");
    CHECK_LEFT("\"a\0b\"");
    CHECK_LEFT("\"a\tb\"");
    CHECK_LEFT("\"\xff\"");
    CHECK_LEFT("\"\xed\xa0\x80\"");
    CHECK_LEFT("\"\xc3\"");
    CHECK_LEFT("{} {}");
    CHECK_LEFT("\xef\xbb\xbf{}");
}

/* Deeper than JSON_DEPTH_MAX even jansson would read, so agreement says nothing there. */
TEST(depth_ends_where_json_read_ends_it)
{
    char text[2 * (JSON_DEPTH_MAX + 1)];
    json_t *value;

    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    value = built((struct bytes){text, 2 * JSON_DEPTH_MAX});
    CHECK(value);
    json_decref(value);
    memset(text, '[', JSON_DEPTH_MAX + 1);
    memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    CHECK(!built((struct bytes){text, sizeof text}));
    CHECK(agrees(BYTES("[[],[],{},{\"a\":[]},[[]],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],"
                       "[],[],[],[],[],[],[],[],[],[],[],[],[]]"))); /* beside, not inside */
}

/* Every text one byte away from a plain one. */
TEST(any_one_byte_changed_is_read_as_jansson_reads_it)
{
    static const char plain[] = "{\"a\":[1,-20,true,null,\"x y\"],\"bc\":{\"d\":\"\xc3\xa9\"}}";
    char text[sizeof plain - 1];

    for (size_t at = 0; at < sizeof text; at++)
        for (int byte = 0; byte < 256; byte++) {
            memcpy(text, plain, sizeof text);
            text[at] = (char)byte;
            if (byte != 0) /* jansson takes a NUL behind a number for its own: json_read looks */
                (void)agrees((struct bytes){text, sizeof text});
            else
                CHECK(!built((struct bytes){text, sizeof text}));
        }
    for (size_t size = 0; size < sizeof text; size++)
        CHECK(!agrees((struct bytes){plain, size}));
}
