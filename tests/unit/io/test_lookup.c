/* SPDX-License-Identifier: Apache-2.0 */
/* test_lookup.c: a look-up rings when it has ended, and may be forgotten at any time. */
#include <poll.h>

#include "io/lookup.h"
#include "mcp_auth/error.h"
#include "unit.h"

/* Numbers and the name of this very machine: no test asks a name server. */
TEST(a_look_up_rings_and_gives_addresses_with_the_port)
{
    struct socket_address addresses[LOOKUP_ADDRESSES_MAX];
    struct lookup *lookup;
    const char *why;

    CHECK_EQ(lookup_start(&lookup, "127.0.0.1", "8000"), 0);
    CHECK_EQ(poll(&(struct pollfd){.fd = lookup_fd(lookup), .events = POLLIN}, 1, 5000), 1);
    CHECK_EQ(lookup_result(lookup, addresses, &why), 1);
    assert_string_equal(addresses[0].text, "127.0.0.1:8000");
    lookup_free(lookup);
}

TEST(a_name_that_is_none_says_why)
{
    struct socket_address addresses[LOOKUP_ADDRESSES_MAX];
    const char *why = NULL;
    struct lookup *lookup;

    CHECK_EQ(lookup_start(&lookup, "a..b", "8000"), 0);
    CHECK_EQ(poll(&(struct pollfd){.fd = lookup_fd(lookup), .events = POLLIN}, 1, 20000), 1);
    CHECK_EQ(lookup_result(lookup, addresses, &why), MCP_AUTH_E_NOT_FOUND);
    CHECK(why && *why);
    lookup_free(lookup);
}

TEST(a_look_up_may_be_forgotten_while_it_runs)
{
    for (int i = 0; i < 20; i++) {
        struct lookup *lookup;

        CHECK_EQ(lookup_start(&lookup, "127.0.0.1", "8000"), 0);
        lookup_free(lookup);
    }
    lookup_free(NULL);
}
