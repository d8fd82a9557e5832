/* SPDX-License-Identifier: Apache-2.0 */
/* test_origin.c: only the pages that were named may connect, and no name that only looks so. */
#include "net/origin.h"

#include "base/compiler.h"
#include "unit.h"

static bool allowed(const char *origin, const char *one, const char *other)
{
    struct http_request request = {.headers_count = origin ? 1 : 0};
    struct bytes list[2] = {bytes_of(one), bytes_of(other)};

    if (origin)
        request.headers[0] = (struct http_header){BYTES("oRIGIN"), bytes_of(origin)};
    return origin_allowed(&request, list, other ? 2 : 1);
}

TEST(a_named_origin_is_allowed_without_case)
{
    CHECK(allowed("https://app.example", "https://app.example", NULL));
    CHECK(allowed("HTTPS://App.Example", "https://app.example", NULL));
    CHECK(allowed("http://b.example:3000", "https://app.example", "http://b.example:3000"));
}

TEST(the_own_port_of_a_scheme_may_be_written_or_not)
{
    CHECK(allowed("https://app.example", "https://app.example:443", NULL));
    CHECK(allowed("http://app.example:80", "http://app.example", NULL));
    CHECK(!allowed("https://app.example:80", "https://app.example", NULL));
    CHECK(!allowed("http://app.example:443", "http://app.example", NULL));
}

TEST(an_origin_that_only_looks_alike_is_refused)
{
    static const char *const others[] = {
        "http://app.example",
        "https://app.example.evil",
        "https://evil-app.example",
        "https://app.example:444",
        "https://app.example/",
        "https://app.exampl",
        "https://user@app.example",
        "",
        "null",
        "https://app.example:443:443",
    };

    for (unsigned i = 0; i < ARRAY_COUNT(others); i++)
        CHECK(!allowed(others[i], "https://app.example", NULL));
}

TEST(a_request_of_no_page_is_allowed)
{
    CHECK(allowed(NULL, "https://app.example", NULL));
}

TEST(a_request_with_two_origins_is_refused)
{
    struct http_request request = {.headers_count = 2};
    struct bytes list[] = {BYTES("https://a"), BYTES("https://b")};

    request.headers[0] = (struct http_header){BYTES("Origin"), list[0]};
    request.headers[1] = (struct http_header){BYTES("Origin"), list[1]};
    CHECK(!origin_allowed(&request, list, 2));
}

TEST(a_star_allows_every_page_and_null_only_itself)
{
    CHECK(allowed("https://anything.example", "*", NULL));
    CHECK(allowed("null", "null", NULL));
    CHECK(!allowed("https://a.example", "null", NULL));
}

TEST(local_hosts_are_the_three_names_with_any_port)
{
    static const char *const local[] = {"localhost", "LocalHost:8000", "127.0.0.1", "127.0.0.1:80",
                                        "[::1]",     "[::1]:65535",    "localhost:"};
    static const char *const foreign[] = {
        "",
        "evil.example",
        "localhost.evil.example",
        "localhostx",
        "localhost:x",
        "localhost:80.evil",
        "127.0.0.1.nip.io",
        "127.0.0.10",
        "[::1]x",
        "localhost:80000000",
        "xlocalhost",
        "localhost@evil",
        "::1",
    };

    for (unsigned i = 0; i < ARRAY_COUNT(local); i++)
        CHECK(origin_host_is_local(bytes_of(local[i])));
    for (unsigned i = 0; i < ARRAY_COUNT(foreign); i++)
        CHECK(!origin_host_is_local(bytes_of(foreign[i])));
    CHECK(!origin_host_is_local((struct bytes){0}));
}
