/* SPDX-License-Identifier: Apache-2.0 */
/* test_route.c: a request finds its handler, or the methods that its path would have had. */
#include "net/route.h"

#include "unit.h"

static void handler_a(struct exchange *exchange)
{
    (void)exchange;
}

static const struct route routes[] = {
    {"/", HTTP_GET, ACCESS_OPEN, 0, ERROR_TOO_LARGE, handler_a},
    {"/v1/events", HTTP_POST, ACCESS_PUBLISHER, 10, ERROR_BATCH_TOO_LARGE, handler_a},
    {"/v1/events", HTTP_GET, ACCESS_ADMIN, 0, ERROR_TOO_LARGE, handler_a},
    {"/healthz", HTTP_GET, ACCESS_OPEN, 0, ERROR_TOO_LARGE, handler_a},
};

static enum route_result find(enum http_method method, const char *path,
                              const struct route **ret_route, unsigned *ret_allow)
{
    *ret_route = NULL;
    *ret_allow = 0;
    return route_find(routes, 4, method, bytes_of(path), ret_route, ret_allow);
}

TEST(a_route_is_found_by_method_and_whole_path)
{
    const struct route *route;
    unsigned allow;

    CHECK_EQ(find(HTTP_GET, "/", &route, &allow), ROUTE_FOUND);
    CHECK(route == &routes[0]);
    CHECK_EQ(find(HTTP_POST, "/v1/events", &route, &allow), ROUTE_FOUND);
    CHECK(route == &routes[1]);
    CHECK_EQ(find(HTTP_GET, "/v1/events", &route, &allow), ROUTE_FOUND);
    CHECK(route == &routes[2]);
}

TEST(head_is_served_where_get_is)
{
    const struct route *route;
    unsigned allow;

    CHECK_EQ(find(HTTP_HEAD, "/healthz", &route, &allow), ROUTE_FOUND);
    CHECK(route == &routes[3]);
}

TEST(a_path_that_only_looks_alike_is_not_found)
{
    static const char *const paths[] = {"",          "/v1/events/", "/v1/event",   "/V1/events",
                                        "//healthz", "/%68ealthz",  "/healthz/..", "/healthz?"};
    const struct route *route;
    unsigned allow;

    for (unsigned i = 0; i < ARRAY_COUNT(paths); i++)
        CHECK_EQ(find(HTTP_GET, paths[i], &route, &allow), ROUTE_NO_PATH);
}

TEST(another_method_is_told_which_are_allowed)
{
    const struct route *route;
    unsigned allow;
    char line[ROUTE_ALLOW_SIZE];

    CHECK_EQ(find(HTTP_DELETE, "/v1/events", &route, &allow), ROUTE_NO_METHOD);
    CHECK_TEXT(route_allow(allow, line), "Allow: GET, HEAD, POST\r\n");
    CHECK_EQ(find(HTTP_POST, "/healthz", &route, &allow), ROUTE_NO_METHOD);
    CHECK_TEXT(route_allow(allow, line), "Allow: GET, HEAD\r\n");
    CHECK_EQ(find(HTTP_OTHER, "/healthz", &route, &allow), ROUTE_NO_METHOD);
}

TEST(a_list_of_all_methods_fits_its_line)
{
    char line[ROUTE_ALLOW_SIZE];

    CHECK_TEXT(route_allow(BIT(HTTP_OTHER) - 1, line),
               "Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH\r\n");
}

TEST(a_star_is_one_segment_and_not_an_empty_one)
{
    static const struct route starred[] = {
        {"/u/*/end", HTTP_POST, ACCESS_ADMIN, 0, ERROR_TOO_LARGE, handler_a}};
    static const struct {
        const char *path;
        enum route_result result;
    } rows[] = {
        {"/u/a/end", ROUTE_FOUND},     {"/u/a%2Fb/end", ROUTE_FOUND}, {"/u//end", ROUTE_NO_PATH},
        {"/u/a/b/end", ROUTE_NO_PATH}, {"/u/end", ROUTE_NO_PATH},     {"/u/a/ende", ROUTE_NO_PATH},
        {"/u/a/", ROUTE_NO_PATH},      {"/u/*/end", ROUTE_FOUND},
    };
    const struct route *route;
    unsigned allow = 0;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK_EQ(route_find(starred, 1, HTTP_POST, bytes_of(rows[i].path), &route, &allow),
                 rows[i].result);
}
