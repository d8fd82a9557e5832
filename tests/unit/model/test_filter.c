/* SPDX-License-Identifier: Apache-2.0 */
/* test_filter.c: a filter narrows by type, level and resource, and passes nothing else. */
#include "model/filter.h"

#include "unit.h"

static bool resource_passes(const char *const *wanted, unsigned count, const char *resource)
{
    struct bytes resources[4];
    struct filter *filter;
    bool passes;

    for (unsigned i = 0; i < count; i++)
        resources[i] = bytes_of(wanted[i]);
    CHECK_EQ(filter_new(&filter, FILTER_ALL_TYPES, 0, true, resources, count), 0);
    passes = filter_passes(filter, EVENT_ACCESS_DENIED, 0, bytes_of(resource));
    filter_free(filter);
    return passes;
}

TEST(no_filter_passes_everything)
{
    for (int i = 0; i < EVENT_TYPES; i++)
        CHECK(filter_passes(NULL, (enum event_type)i, 0, (struct bytes){0}));
}

TEST(a_filter_passes_its_types_and_no_others)
{
    for (int wanted = 0; wanted < EVENT_TYPES; wanted++) {
        struct filter *filter;

        CHECK_EQ(filter_new(&filter, BIT(wanted), 0, false, NULL, 0), 0);
        for (int i = 0; i < EVENT_TYPES; i++)
            CHECK_EQ(filter_passes(filter, (enum event_type)i, 3, (struct bytes){0}), i == wanted);
        filter_free(filter);
    }
}

TEST(a_filter_passes_its_level_and_above)
{
    for (int least = 0; least <= LEVEL_RANK_MAX; least++) {
        struct filter *filter;

        CHECK_EQ(filter_new(&filter, FILTER_ALL_TYPES, least, false, NULL, 0), 0);
        for (int level = 0; level <= LEVEL_RANK_MAX; level++)
            CHECK_EQ(filter_passes(filter, EVENT_USER_CREATED, level, BYTES("x")), level >= least);
        filter_free(filter);
    }
}

TEST(resources_are_exact_or_a_prefix)
{
    static const struct {
        const char *wanted, *resource;
        bool passes;
    } rows[] = {
        {"docs", "docs", true},
        {"docs", "docs2", false},
        {"docs", "doc", false},
        {"docs*", "docs", true},
        {"docs*", "docs/1", true},
        {"docs*", "doc", false},
        {"*", "anything", true},
        {"*", "", true},
        {"d*s", "docs", false},
        {"d*s", "d*s", true},
        {"", "", true},
        {"", "docs", false},
        {"docs", "DOCS", false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK_EQ(resource_passes(&rows[i].wanted, 1, rows[i].resource), rows[i].passes);
}

TEST(one_of_several_resources_is_enough)
{
    static const char *const wanted[] = {"a", "b*", "c"};

    CHECK(resource_passes(wanted, 3, "a"));
    CHECK(resource_passes(wanted, 3, "bcd"));
    CHECK(resource_passes(wanted, 3, "c"));
    CHECK(!resource_passes(wanted, 3, "d"));
}

TEST(an_event_without_resource_passes_no_resource_filter)
{
    static const char *const all[] = {"*"};

    CHECK(!resource_passes(all, 1, NULL));
    CHECK(!resource_passes(NULL, 0, "docs")); /* an empty list passes nothing */
}
