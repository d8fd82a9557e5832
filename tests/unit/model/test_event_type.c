/* SPDX-License-Identifier: Apache-2.0 */
/* test_event_type.c: the known types and levels are found by their text, and nothing else is. */
#include "model/event_type.h"

#include "mcp_auth/error.h"
#include "unit.h"

TEST(every_event_type_is_found_by_its_own_text)
{
    CHECK_EQ(EVENT_TYPES, 14);
    for (int i = 0; i < EVENT_TYPES; i++) {
        CHECK_EQ(event_type_find(event_type_text((enum event_type)i)), i);
        CHECK(event_type_message((enum event_type)i).size > 0);
    }
    CHECK_TEXT(event_type_text(EVENT_ROLE_REVOKED), "role_revoked");
    CHECK_EQ(event_type_family(EVENT_ACCESS_DENIED), FAMILY_SECURITY);
    CHECK_EQ(event_type_family(EVENT_CONFIGURATION_CHANGED), FAMILY_SYSTEM);
}

TEST(an_event_type_is_compared_exactly)
{
    static const char *const others[] = {
        "", "ROLE_REVOKED", "role_revoke", "role_revokedd", "role-revoked", " role_revoked"};

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        CHECK_EQ(event_type_find(bytes_of(others[i])), MCP_AUTH_E_NOT_FOUND);
    CHECK_EQ(event_type_find((struct bytes){0}), MCP_AUTH_E_NOT_FOUND);
}

TEST(levels_have_ranks_whatever_their_case)
{
    static const struct {
        const char *text;
        int rank;
    } rows[] = {{"LOW", 0},
                {"INFO", 0},
                {"MEDIUM", 1},
                {"WARNING", 1},
                {"HIGH", 2},
                {"CRITICAL", 3},
                {"critical", 3},
                {"Medium", 1},
                {"", MCP_AUTH_E_NOT_FOUND},
                {"LOWEST", MCP_AUTH_E_NOT_FOUND},
                {"0", MCP_AUTH_E_NOT_FOUND},
                {"HIG", MCP_AUTH_E_NOT_FOUND}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK_EQ(level_rank(bytes_of(rows[i].text)), rows[i].rank);
}

TEST(a_rank_has_the_name_it_was_made_from)
{
    CHECK_TEXT(level_text(0), "LOW");
    CHECK_TEXT(level_text(1), "MEDIUM");
    CHECK_TEXT(level_text(2), "HIGH");
    CHECK_TEXT(level_text(3), "CRITICAL");
    CHECK_TEXT(level_default(), "LOW");
}
