/* SPDX-License-Identifier: Apache-2.0 */
/* test_query.c: numbers, types, resources and levels of a query, and the words for wrong ones. */
#include "api/query.h"

#include "unit.h"

static char why[QUERY_WHY_SIZE];

TEST(a_number_is_digits_within_its_bounds)
{
    static const char *const bad[] = {
        "", "0", "1001", "-1", "+1", "1 ", " 1", "1x", "0x1", "1.0", "99999999999999999999"};
    unsigned number = 0;

    CHECK(query_number(BYTES("1"), 1, 1000, &number, why) && number == 1);
    CHECK(query_number(BYTES("1000"), 1, 1000, &number, why) && number == 1000);
    CHECK(query_number(BYTES("007"), 1, 1000, &number, why) && number == 7);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK(!query_number(bytes_of(bad[i]), 1, 1000, &number, why));
        assert_string_equal(why, "must be a number of 1 to 1000");
        CHECK_EQ(number, 7);
    }
}

TEST(types_come_with_commas_or_again)
{
    struct query_filter filter = {0};

    CHECK(query_take_types(&filter, BYTES("user_created,role_assigned"), why));
    CHECK(query_take_types(&filter, BYTES("user_deleted"), why));
    CHECK_EQ(filter.types,
             BIT(EVENT_USER_CREATED) | BIT(EVENT_ROLE_ASSIGNED) | BIT(EVENT_USER_DELETED));
    CHECK(!query_take_types(&filter, BYTES("user_create"), why));
    CHECK(strstr(why, "did you mean user_created?"));
    CHECK(!query_take_types(&filter, BYTES(""), why));
    CHECK(!query_take_types(&filter, BYTES("user_created,"), why));
    CHECK(!query_take_types(&filter, BYTES(",user_created"), why));
}

TEST(resources_and_levels_have_their_ceilings)
{
    struct query_filter filter = {0};
    char text[RESOURCE_SIZE_MAX + 1];

    memset(text, 'r', sizeof text);
    CHECK(!query_take_resource(&filter, (struct bytes){text, sizeof text}, why));
    for (unsigned i = 0; i < FILTER_RESOURCES_MAX; i++)
        CHECK(query_take_resource(&filter, (struct bytes){text, sizeof text - 1}, why));
    CHECK(!query_take_resource(&filter, BYTES("one more"), why));
    CHECK(query_take_level(&filter, BYTES("warning"), why) && filter.level_min == 1);
    CHECK(!query_take_level(&filter, BYTES("none"), why));
}

TEST(nothing_named_is_no_filter)
{
    struct query_filter asked = {0};
    struct filter *filter;

    CHECK_EQ(query_filter_new(&asked, &filter), 0);
    CHECK(filter == NULL);
    CHECK(query_take_resource(&asked, BYTES("docs/*"), why));
    CHECK_EQ(query_filter_new(&asked, &filter), 0);
    CHECK(filter && filter->types == FILTER_ALL_TYPES && filter->resources_count == 1);
    filter_free(filter);
}
