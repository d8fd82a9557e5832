/* SPDX-License-Identifier: Apache-2.0 */
/* test_redis_url.c: what operators write is understood, and what is wrong is told without secrets. */
#include "broker/redis_url.h"
#include "mcp_auth/error.h"
#include "unit.h"

static struct redis_url url_of(const char *text, const char *password)
{
    struct redis_url url;
    const char *why = NULL;

    if (redis_url_read(bytes_of(text), bytes_of(password), &url, &why) < 0)
        fail_msg("%s: %s", text, why);
    return url;
}

TEST(a_host_alone_has_redis_port_and_the_first_database)
{
    struct redis_url url = url_of("redis://cache.example", "");

    CHECK(!url.tls && !url.unix_socket);
    assert_string_equal(url.host, "cache.example");
    assert_string_equal(url.port, "6379");
    assert_string_equal(url.user, "");
    assert_string_equal(url.password, "");
    CHECK_EQ(url.database, 0);
}

TEST(every_part_of_an_address_is_read)
{
    struct redis_url url = url_of("rediss://svc:p%40ss%3Aw%2Frd%25@[2001:db8::1]:6380/15", "other");

    CHECK(url.tls);
    assert_string_equal(url.user, "svc");
    assert_string_equal(url.password, "p@ss:w/rd%"); /* the one of the URL wins */
    assert_string_equal(url.host, "2001:db8::1");
    assert_string_equal(url.port, "6380");
    CHECK_EQ(url.database, 15);
}

TEST(a_password_may_stand_alone_or_beside_the_url)
{
    struct redis_url url = url_of("redis://:secret@h/", "");

    assert_string_equal(url.user, "");
    assert_string_equal(url.password, "secret");
    url = url_of("redis://h", "s%cret"); /* no escapes there */
    assert_string_equal(url.password, "s%cret");
    url = url_of("redis://svc@h:1", "secret");
    assert_string_equal(url.user, "svc");
    assert_string_equal(url.password, "secret");
    url = url_of("redis://@h", "");
    assert_string_equal(url.user, "");
    url = url_of("redis://:a@b:c@h:7", ""); /* browsers read it so, too */
    assert_string_equal(url.password, "a@b:c");
    assert_string_equal(url.host, "h");
}

TEST(a_unix_socket_is_a_path_with_a_database_behind)
{
    struct redis_url url = url_of("unix:///run/redis/redis.sock", "");

    CHECK(url.unix_socket && !url.tls);
    assert_string_equal(url.host, "/run/redis/redis.sock");
    CHECK_EQ(url.database, 0);
    url = url_of("unix://svc:pw@/tmp/with%20blank?db=3", "");
    assert_string_equal(url.host, "/tmp/with blank");
    assert_string_equal(url.user, "svc");
    assert_string_equal(url.password, "pw");
    CHECK_EQ(url.database, 3);
    url = url_of("unix:///tmp/a@b", ""); /* an "@" of the path */
    assert_string_equal(url.host, "/tmp/a@b");
}

TEST(what_is_wrong_is_named_and_no_secret_is_shown)
{
    static const struct {
        const char *text, *word;
    } cases[] = {
        {"", "empty"},
        {"cache:6379", "begin with redis://"},
        {"http://cache", "begin with redis://"},
        {"REDIS", "begin with redis://"},
        {"redis://", "host is missing"},
        {"redis://:secret@", "host is missing"},
        {"redis://:6379", "host is missing"},
        {"redis://h:0", "port"},
        {"redis://h:", "port"},
        {"redis://h:65536", "port"},
        {"redis://h:6379x", "port"},
        {"redis://h/x", "database"},
        {"redis://h/65536", "database"},
        {"redis://h/-1", "database"},
        {"redis://h/1/2", "database"},
        {"redis://h?db=1", "no meaning"},
        {"redis://[::1", "]"},
        {"redis://[::1]6379", "port"},
        {"redis://a b", "character"},
        {"redis://:sec%ret@h", "%25"},
        {"redis://:secret%00@h", "%25"},
        {"redis://:secret%ff@h", "UTF-8"},
        {"redis://us%er:secret@h", "user name"},
        {"redis://svc@h", "no password"},
        {"redis://:sec/ret@h", "%2F"},
        {"unix://run/redis.sock", "begin with \"/\""},
        {"unix:///run/redis.sock?database=1", "?db="},
        {"unix:///run/redis.sock?db=x", "database"},
        {"unix:///run/redis.sock#1", "?db="},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct redis_url url;
        const char *why = NULL;

        CHECK_EQ(redis_url_read(bytes_of(cases[i].text), BYTES(""), &url, &why),
                 MCP_AUTH_E_INVALID);
        if (!why || !strstr(why, cases[i].word) || strstr(why, "sec"))
            fail_msg("%s: %s", cases[i].text, why);
    }
}

TEST(what_is_too_long_is_told)
{
    char text[4096], password[1100];
    struct redis_url url;
    const char *why;

    memset(password, 'p', sizeof password);
    CHECK_EQ(redis_url_read(BYTES("redis://h"), (struct bytes){password, 1024}, &url, &why), 0);
    CHECK_EQ(strlen(url.password), 1024);
    CHECK_EQ(redis_url_read(BYTES("redis://h"), (struct bytes){password, 1025}, &url, &why),
             MCP_AUTH_E_INVALID);
    CHECK(strstr(why, "1024"));
    memset(text, 'h', sizeof text);
    memcpy(text, "redis://", 8);
    CHECK_EQ(redis_url_read((struct bytes){text, 8 + 255}, BYTES(""), &url, &why), 0);
    CHECK_EQ(redis_url_read((struct bytes){text, 8 + 256}, BYTES(""), &url, &why),
             MCP_AUTH_E_INVALID);
    CHECK(strstr(why, "255"));
    memcpy(text, "unix:///", 8);
    CHECK_EQ(redis_url_read((struct bytes){text, 7 + 107}, BYTES(""), &url, &why), 0);
    CHECK_EQ(redis_url_read((struct bytes){text, 7 + 108}, BYTES(""), &url, &why),
             MCP_AUTH_E_INVALID);
    CHECK(strstr(why, "107"));
    memset(text + 8, ':', 1);
    memcpy(text, "redis://", 8);
    memcpy(text + 1200, "@h", 2);
    CHECK_EQ(redis_url_read((struct bytes){text, 1202}, BYTES(""), &url, &why), MCP_AUTH_E_INVALID);
    CHECK(strstr(why, "1024"));
}

TEST(the_text_for_people_has_no_user_and_no_password)
{
    char text[REDIS_URL_TEXT_SIZE];
    struct redis_url url = url_of("rediss://svc:secret@[::1]/2", "");

    redis_url_text(&url, text);
    assert_string_equal(text, "rediss://[::1]:6379/2");
    url = url_of("redis://:secret@cache:7000", "");
    redis_url_text(&url, text);
    assert_string_equal(text, "redis://cache:7000/0");
    url = url_of("unix://:secret@/run/r.sock?db=1", "");
    redis_url_text(&url, text);
    assert_string_equal(text, "unix:///run/r.sock?db=1");
    redis_url_wipe(&url);
    CHECK_EQ(url.password[0], 0);
}
