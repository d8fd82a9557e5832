/* SPDX-License-Identifier: Apache-2.0 */
/* test_error.c: every error has its text, and any other number has one as well. */
#include "mcp_auth/error.h"

#include "base/bytes.h"
#include "unit.h"

TEST(every_error_has_the_text_of_the_list)
{
#define SAME(code, name, text)         \
    CHECK_EQ(MCP_AUTH_E_##name, code); \
    CHECK_TEXT(bytes_of(mcp_auth_strerror(MCP_AUTH_E_##name)), text);
    MCP_AUTH_ERRORS(SAME)
#undef SAME
    CHECK_TEXT(bytes_of(mcp_auth_strerror(MCP_AUTH_OK)), "no error");
}

TEST(a_number_that_is_no_error_is_unknown)
{
    CHECK_TEXT(bytes_of(mcp_auth_strerror(1)), "unknown error");
    CHECK_TEXT(bytes_of(mcp_auth_strerror(-1000)), "unknown error");
    CHECK_TEXT(bytes_of(mcp_auth_strerror(INT32_MIN)), "unknown error");
}
