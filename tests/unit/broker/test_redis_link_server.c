/* SPDX-License-Identifier: Apache-2.0 */
/* test_redis_link_server.c: a real Redis: over TCP, a Unix socket and TLS; refusals, frozen, restarted. */
#include <signal.h>
#include <stdio.h>

#include "io/tls_peer.h"
#include "link_stage.h"
#include "redis_server.h"
#include "unit.h"

static struct redis_server server;
static struct link_stage stage;

/* Opens by URL; "%d" and "%s" in it are the port or the path. */
#define OPEN(password, ca_file, ...)                      \
    do {                                                  \
        char url_[256];                                   \
        snprintf(url_, sizeof url_, __VA_ARGS__);         \
        link_stage_open(&stage, url_, password, ca_file); \
    } while (0)

/* A link that comes up, and is closed. */
#define COMES_UP(password, ca_file, ...)      \
    do {                                      \
        OPEN(password, ca_file, __VA_ARGS__); \
        link_up(&stage);                      \
        link_stage_close(&stage);             \
    } while (0)

/* A link that ends for this reason; stage.why has all of it. */
#define GOES_DOWN(word, password, ca_file, ...) \
    do {                                        \
        OPEN(password, ca_file, __VA_ARGS__);   \
        link_down(&stage, word, 5000);          \
        link_stage_close(&stage);               \
    } while (0)

TEST(commands_are_answered_in_order_over_tcp_and_a_unix_socket)
{
    redis_server_start(&server, NULL);
    for (int i = 0; i < 3; i++) {
        if (i == 0)
            OPEN("", NULL, "redis://127.0.0.1:%d/2", server.port);
        else if (i == 1)
            OPEN("", NULL, "redis://localhost:%d/2", server.port);
        else
            OPEN("", NULL, "unix://%s?db=2", server.path);
        link_up(&stage);
        CHECK_EQ(link_ask(&stage, "SET a 1", 1000, 1), 0);
        CHECK_EQ(link_ask(&stage, "INCR a", 1000, 2), 0);
        CHECK_EQ(link_ask(&stage, "NONSENSE", 1000, 3), 0);
        CHECK_EQ(link_ask(&stage, "CLIENT GETNAME", 1000, 4), 0);
        CHECK_EQ(link_ask(&stage, "CLIENT LIST", 1000, 5), 0);
        CHECK_EQ(redis_link_pending(stage.link), 5);
        CHECK(link_turn(&stage, &stage.answers, 5, 5000));
        CHECK_EQ(strncmp(link_said(&stage), "1:OK;2:2;3:ERR unknown command", 29), 0);
        CHECK(strstr(link_said(&stage), ";4:mcp-auth;5:"));
        CHECK(strstr(link_said(&stage), " db=2 "));
        link_stage_close(&stage);
    }
    redis_server_stop(&server);
}

TEST(a_name_is_looked_up_and_its_failure_told)
{
    GOES_DOWN("look-up of a..b: ", "", NULL, "redis://a..b:6379");
}

TEST(passwords_right_wrong_missing_and_needless_are_told_apart)
{
    static const char *const locked[] = {"--requirepass", "s3cret", "--user", "svc", "on",
                                         ">pw",           "~*",     "+@all",  NULL};

    redis_server_start(&server, locked);
    COMES_UP("s3cret", NULL, "redis://127.0.0.1:%d", server.port);
    OPEN("", NULL, "redis://svc:pw@127.0.0.1:%d", server.port);
    link_up(&stage);
    CHECK_EQ(link_ask(&stage, "ACL WHOAMI", 1000, 1), 0);
    CHECK(link_turn(&stage, &stage.answers, 1, 5000));
    assert_string_equal(link_said(&stage), "1:svc;");
    link_stage_close(&stage);
    GOES_DOWN("Redis refuses the password: WRONGPASS", "wr0ng", NULL, "redis://127.0.0.1:%d/3",
              server.port);
    CHECK(!strstr(stage.why, "wr0ng"));
    GOES_DOWN("Redis refuses the user or password: WRONGPASS", "", NULL,
              "redis://svc:wr0ng@127.0.0.1:%d", server.port);
    GOES_DOWN("Redis needs a password and none was given", "", NULL, "redis://127.0.0.1:%d",
              server.port);
    GOES_DOWN("Redis needs a password and none was given", "", NULL, "redis://127.0.0.1:%d/3",
              server.port);
    redis_server_stop(&server);

    redis_server_start(&server, NULL);
    GOES_DOWN("a password was given and Redis needs none", "s3cret", NULL, "redis://127.0.0.1:%d",
              server.port);
    GOES_DOWN("Redis refuses database 99: ERR DB index is out of range", "", NULL,
              "redis://127.0.0.1:%d/99", server.port);
    redis_server_stop(&server);
}

TEST(a_user_that_may_not_name_his_connection_comes_up)
{
    static const char *const options[] = {"--user", "svc",   "on",   ">pw", "~*",
                                          "-@all",  "+ping", "+get", NULL};

    redis_server_start(&server, options);
    COMES_UP("", NULL, "redis://svc:pw@127.0.0.1:%d", server.port);
    redis_server_stop(&server);
}

TEST(tls_is_verified_and_carries_large_answers)
{
    char folder[64], certificate[96], key[96];
    const char *options[] = {"--tls-port", "--tls-cert-file",    certificate, "--tls-key-file",
                             key,          "--tls-auth-clients", "no",        NULL};
    struct bytes args[3] = {BYTES("SET"), BYTES("big"), {NULL, 0}};
    char *big = malloc(1000000);

    CHECK(big != NULL);
    memset(big, 'x', 1000000);
    args[2] = (struct bytes){big, 1000000};
    tls_files("DNS:localhost,IP:127.0.0.1", folder);
    snprintf(certificate, sizeof certificate, "%s/cert.pem", folder);
    snprintf(key, sizeof key, "%s/key.pem", folder);
    redis_server_start(&server, options);
    for (int i = 0; i < 2; i++) {
        OPEN("", certificate, "rediss://%s:%d", i ? "localhost" : "127.0.0.1", server.port);
        link_up(&stage);
        CHECK_EQ(redis_link_send(stage.link, args, 3, 5000, NULL, 0), 0);
        CHECK_EQ(link_ask(&stage, "GET big", 5000, 1), 0);
        CHECK_EQ(link_ask(&stage, "STRLEN big", 5000, 2), 0);
        CHECK(link_turn(&stage, &stage.answers, 2, 8000));
        CHECK_EQ(stage.said.size, 2 + 1000000 + 1 + 10);
        link_stage_close(&stage);
    }
    GOES_DOWN("TLS with localhost: self-signed certificate", "",
              "/etc/ssl/certs/ca-certificates.crt", "rediss://localhost:%d", server.port);
    /* Nobody listens there; and plain words to a TLS port. */
    GOES_DOWN("cannot connect to 127.0.0.2:", "", certificate, "rediss://127.0.0.2:%d",
              server.port);
    GOES_DOWN("", "", NULL, "redis://127.0.0.1:%d", server.port);
    redis_server_stop(&server);
    tls_files_remove(folder);
    free(big);
}

TEST(a_subscription_gets_its_messages_and_is_pinged)
{
    struct link_stage other;
    char url[128];

    redis_server_start(&server, NULL);
    OPEN("", NULL, "redis://127.0.0.1:%d", server.port);
    link_up(&stage);
    redis_link_subscribe_mode(stage.link, link_take_push);
    CHECK_EQ(link_ask(&stage, "SUBSCRIBE rbac:events", 1000, 1), 0);
    CHECK(link_turn(&stage, &stage.answers, 1, 5000));
    snprintf(url, sizeof url, "redis://127.0.0.1:%d", server.port);
    link_stage_open(&other, url, "", NULL);
    link_up(&other);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(link_ask(&other, "PUBLISH rbac:events {}", 1000, 1), 0);
        CHECK(link_turn(&stage, &stage.pushes, (unsigned)i + 1, 5000));
        CHECK(!link_turn(&stage, &stage.downs, 1, 800)); /* meanwhile a ping was answered */
        CHECK(!link_turn(&other, &other.downs, 1, 20));
    }
    assert_string_equal(link_said(&stage), "1:[subscribe,rbac:events,1;"
                                           "push:[message,rbac:events,{};"
                                           "push:[message,rbac:events,{};");
    link_stage_close(&other);
    link_stage_close(&stage);
    redis_server_stop(&server);
}

TEST(a_frozen_server_is_found_within_two_seconds)
{
    int64_t began_ms;

    redis_server_start(&server, NULL);
    OPEN("", NULL, "unix://%s", server.path);
    link_up(&stage);
    CHECK(!link_turn(&stage, &stage.downs, 1, 700)); /* idle, and pinged */
    CHECK_EQ(kill(server.pid, SIGSTOP), 0);
    began_ms = clock_now().mono_ms;
    link_down(&stage, "no answer for 1000 ms", 5000);
    CHECK(clock_now().mono_ms - began_ms < 2000);
    link_stage_close(&stage);
    /* A new connection is taken by the kernel, and its greeting by nobody. */
    GOES_DOWN("no answer for 2000 ms", "", NULL, "unix://%s", server.path);
    CHECK_EQ(kill(server.pid, SIGCONT), 0);
    redis_server_stop(&server);
}

TEST(a_server_that_dies_is_told_and_one_that_is_back_is_met)
{
    redis_server_start(&server, NULL);
    OPEN("", NULL, "redis://127.0.0.1:%d", server.port);
    link_up(&stage);
    CHECK_EQ(link_ask(&stage, "BLPOP nothing 10", 20000, 1), 0);
    CHECK(!link_turn(&stage, &stage.answers, 1, 50));
    redis_server_kill(&server);
    link_down(&stage, "Redis closed the connection", 5000);
    CHECK_EQ(stage.answers, 0);
    link_stage_close(&stage);
    GOES_DOWN("Connection refused", "", NULL, "redis://127.0.0.1:%d", server.port);
    GOES_DOWN("No such file", "", NULL, "unix://%s", server.path);
    redis_server_again(&server);
    COMES_UP("", NULL, "redis://127.0.0.1:%d", server.port);
    redis_server_stop(&server);
}
