/* SPDX-License-Identifier: Apache-2.0 */
/* test_codes.c: the codes are those that clients were promised. */
#include "model/codes.h"

#include "unit.h"

TEST(close_reasons_have_the_codes_of_the_protocol)
{
    CHECK_EQ(close_reason_code(CLOSE_AUTHENTICATION_REQUIRED), 4001);
    CHECK_EQ(close_reason_code(CLOSE_TOKEN_EXPIRED), 4101);
    CHECK_EQ(close_reason_code(CLOSE_SLOW_CONSUMER), 4202);
    CHECK_EQ(close_reason_code(CLOSE_AUTHENTICATION_TIMEOUT), 4205);
    CHECK_EQ(close_reason_code(CLOSE_EPOCH_CHANGED), 4302);
    CHECK_TEXT(close_reason_text(CLOSE_AUTHENTICATION_REQUIRED), "Authentication required");
    CHECK_TEXT(close_reason_text(CLOSE_AUTHENTICATION_FAILED), "Authentication failed");
    CHECK_TEXT(close_reason_text(CLOSE_TOKEN_EXPIRED), "Token expired");
    CHECK_TEXT(close_reason_text(CLOSE_RATE_LIMIT), "Rate limit exceeded");
    CHECK_TEXT(close_reason_text(CLOSE_CONNECTION_LIMIT), "Connection limit reached");
    CHECK_TEXT(close_reason_text(CLOSE_AUTHENTICATION_TIMEOUT), "Authentication required");
}

TEST(every_close_code_tells_the_client_what_to_do)
{
    for (int i = 0; i < CLOSE_REASONS; i++) {
        CHECK(close_reason_code((enum close_reason)i) >= 4000);
        CHECK(close_reason_code((enum close_reason)i) < 4400);
        CHECK(close_reason_text((enum close_reason)i).size <= 123);
    }
}

TEST(every_error_has_a_text_a_status_and_a_meaning)
{
    for (int i = 0; i < ERROR_CODES; i++) {
        enum error_code code = (enum error_code)i;

        CHECK(error_code_text(code).size > 0 && error_code_meaning(code).size > 0);
        CHECK(error_code_status(code) >= 400 && error_code_status(code) < 600);
    }
    CHECK_TEXT(error_code_text(ERROR_UNKNOWN_MEMBER), "unknown_member");
    CHECK_EQ(error_code_status(ERROR_WRONG_TENANT), 403);
    CHECK(error_code_retryable(ERROR_RATE_LIMITED) && !error_code_retryable(ERROR_CONFLICT));
}
