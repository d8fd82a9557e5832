/* SPDX-License-Identifier: Apache-2.0 */
/* test_refusal.c: an error has one shape, and what a peer sent cannot break out of it. */
#include "net/refusal.h"

#include "unit.h"

static struct strbuf out;

static struct bytes refusal(enum error_code code, const char *message,
                            const struct refusal_details *details)
{
    strbuf_done(&out);
    strbuf_init(&out, REFUSAL_SIZE_MAX);
    refusal_write(&out, code, bytes_of(message), details);
    CHECK_EQ(out.error, 0);
    return strbuf_bytes(&out);
}

TEST(a_refusal_has_the_meaning_of_its_code_when_nothing_else_is_said)
{
    CHECK_TEXT(refusal(ERROR_NOT_FOUND, NULL, NULL),
               "{\"error\":{\"code\":\"not_found\",\"message\":\"There is nothing at this "
               "path\"}}");
    CHECK_TEXT(refusal(ERROR_NOT_FOUND, "gone", NULL),
               "{\"error\":{\"code\":\"not_found\",\"message\":\"gone\"}}");
    strbuf_done(&out);
}

TEST(details_hold_only_what_is_known)
{
    struct refusal_details none = {.index = -1}, first = {.index = 0},
                           all = {7, BYTES("data"), BYTES("too \"deep\"\n")};

    CHECK_TEXT(refusal(ERROR_CONFLICT, "m", &none),
               "{\"error\":{\"code\":\"conflict\",\"message\":\"m\"}}");
    CHECK_TEXT(refusal(ERROR_CONFLICT, "m", &first),
               "{\"error\":{\"code\":\"conflict\",\"message\":\"m\",\"details\":{\"index\":0}}}");
    CHECK_TEXT(refusal(ERROR_CONFLICT, "m", &all),
               "{\"error\":{\"code\":\"conflict\",\"message\":\"m\",\"details\":{\"index\":7,"
               "\"member\":\"data\",\"reason\":\"too \\\"deep\\\"\\n\"}}}");
    strbuf_done(&out);
}

TEST(every_status_of_the_parser_has_a_code_with_that_status)
{
    static const int statuses[] = {400, 408, 413, 414, 431, 501, 503, 505};

    for (unsigned i = 0; i < ARRAY_COUNT(statuses); i++)
        CHECK_EQ(error_code_status(refusal_code(statuses[i])), statuses[i]);
}
