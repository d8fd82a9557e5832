/* SPDX-License-Identifier: Apache-2.0 */
/* test_log_line.c: a record is one line, whatever its values hold. */
#include "server/log_line.h"

#include "unit.h"

static const struct log_field odd[] = {
    {"plain", {"value-1", 7}},
    {"empty", {"", 0}},
    {"line", {"a\nERROR forged", 14}},
    {"bytes", {"\xff\x1b[31m", 6}},
};

TEST(a_value_cannot_forge_a_second_line_of_text)
{
    struct strbuf out;
    size_t at = 0;

    strbuf_init(&out, 4096);
    log_line_text(&out, 0, LOG_WARNING, BYTES("some words"), odd, 4, &at);
    CHECK_TEXT(strbuf_bytes(&out),
               "1970-01-01T00:00:00.000Z WARNING some words plain=value-1 empty=\"\" "
               "line=\"a\\nERROR forged\" bytes=\"?\\u001b[31m\"");
    CHECK_EQ(at, 24);
    strbuf_done(&out);
}

TEST(a_value_cannot_break_the_json)
{
    struct strbuf out;
    size_t at = 0;

    strbuf_init(&out, 4096);
    log_line_json(&out, 0, LOG_INFO, BYTES("some words"), odd, 4, &at);
    CHECK_TEXT(strbuf_bytes(&out),
               "{\"time\":\"1970-01-01T00:00:00.000Z\",\"level\":\"info\",\"message\":\"some "
               "words\",\"plain\":\"value-1\",\"empty\":\"\",\"line\":\"a\\nERROR forged\","
               "\"bytes\":\"?\\u001b[31m\"}");
    strbuf_done(&out);
}
