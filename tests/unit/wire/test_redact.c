/* SPDX-License-Identifier: Apache-2.0 */
/* test_redact.c: secret members go at any depth, and are counted; nothing else changes. */
#include "wire/redact.h"

#include "unit.h"

static void check_redacted(const char *before, const char *after, unsigned removed)
{
    struct strbuf out;

    CHECK_EQ(json_check(bytes_of(before), NULL), 0);
    strbuf_init(&out, 4096);
    CHECK_EQ(redact_put(&out, bytes_of(before), NULL), removed);
    CHECK_EQ(strbuf_terminate(&out), 0);
    assert_string_equal(out.data, after);
    strbuf_done(&out);
}

TEST(secret_members_are_removed_at_any_depth_and_counted)
{
    check_redacted("{}", "{}", 0);
    check_redacted("{\"a\":1}", "{\"a\":1}", 0);
    check_redacted("{\"token\":1}", "{}", 1);
    check_redacted("{\"a\":{\"b\":{\"Api-Key\":\"x\",\"c\":2}}}", "{\"a\":{\"b\":{\"c\":2}}}", 1);
    check_redacted("{\"a\":[{\"password\":1},[{\"pass_word\":[]}],\"password\"]}",
                   "{\"a\":[{},[{}],\"password\"]}", 2);
    check_redacted("{\"\\u0074oken\":1,\"\\u0061\":2}", "{\"a\":2}", 1);
    check_redacted("{ \"a\" : [ 1 , { \"token\" : [ ] } , -0 ] }", "{\"a\":[1,{},0]}", 1);
    check_redacted("{\"secret\":{\"token\":1},\"x\":null}", "{\"x\":null}", 1);
    check_redacted("{\"token\":1,\"Token\":2,\"TOKEN\":3,\"a\":4,\"to-ken\":5}", "{\"a\":4}", 4);
}

TEST(redaction_reaches_the_deepest_object_that_can_be_read)
{
    struct strbuf text, out;

    strbuf_init(&text, 4096);
    for (int i = 0; i < JSON_DEPTH_MAX; i++)
        strbuf_puts(&text, i == 0 ? "{" : "\"a\":{");
    strbuf_puts(&text, "\"token\":1");
    for (int i = 0; i < JSON_DEPTH_MAX; i++)
        strbuf_putc(&text, '}');
    CHECK_EQ(json_check(strbuf_bytes(&text), NULL), 0);
    strbuf_init(&out, 4096);
    CHECK_EQ(redact_put(&out, strbuf_bytes(&text), NULL), 1);
    strbuf_done(&out);
    strbuf_done(&text);
}
