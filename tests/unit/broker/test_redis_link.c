/* SPDX-License-Identifier: Apache-2.0 */
/* test_redis_link.c: a link against a scripted peer: what it says, and what it makes of any answer. */
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "link_stage.h"
#include "mcp_auth/error.h"
#include "model/limits.h"
#include "unit.h"

#define GREETING "*3\r\n$6\r\nCLIENT\r\n$7\r\nSETNAME\r\n$8\r\nmcp-auth\r\n*1\r\n$4\r\nPING\r\n"
#define WELCOME "+OK\r\n+PONG\r\n"

static struct link_stage stage;
static char path[64];
static int listen_fd, peer_fd;
static char heard[1 << 16]; /* terminated */
static size_t heard_size;

static void turn(int ms)
{
    const unsigned never = 0;

    (void)link_turn(&stage, &never, 1, ms);
}

static void peer_listen(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(path, sizeof path, "/tmp/mcp-auth-peer-%d", (int)getpid());
    memcpy(address.sun_path, path, sizeof path);
    unlink(path);
    listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK_EQ(bind(listen_fd, (struct sockaddr *)&address, sizeof address), 0);
    CHECK_EQ(listen(listen_fd, 8), 0);
    peer_fd = -1;
    heard_size = 0;
}

static void peer_accept(void)
{
    for (int i = 0; i < 500 && peer_fd < 0; i++) {
        turn(2);
        peer_fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    }
    CHECK(peer_fd >= 0);
}

static void begin(const char *login, const char *rest)
{
    char url[256];

    peer_listen();
    snprintf(url, sizeof url, "unix://%s%s%s", login, path, rest);
    link_stage_open(&stage, url, "", NULL);
    peer_accept();
}

static void finish(void)
{
    link_stage_close(&stage);
    if (peer_fd >= 0)
        close(peer_fd);
    close(listen_fd);
    unlink(path);
}

static void expect(const char *text)
{
    for (int i = 0; i < 500; i++) {
        ssize_t n = read(peer_fd, heard + heard_size, sizeof heard - 1 - heard_size);

        if (n > 0)
            heard_size += (size_t)n;
        heard[heard_size] = '\0';
        if (heard_size >= strlen(text))
            break;
        turn(2);
    }
    assert_string_equal(heard, text);
    heard_size = 0;
}

static void say(const char *text)
{
    CHECK_EQ(write(peer_fd, text, strlen(text)), strlen(text));
}

static void begin_up(void)
{
    begin("", "");
    expect(GREETING);
    say(WELCOME);
    link_up(&stage);
}

TEST(the_greeting_is_one_write_and_its_answers_may_come_in_any_pieces)
{
    static const char greeting[] =
        "*3\r\n$4\r\nAUTH\r\n$3\r\nsvc\r\n$3\r\np@w\r\n*2\r\n$6\r\nSELECT\r\n$2\r\n12\r\n" GREETING;
    static const char welcome[] = "+OK\r\n+OK\r\n-ERR no CLIENT here\r\n+PONG\r\n";

    for (size_t cut = 1; cut < sizeof welcome - 1; cut += 3) {
        begin("svc:p%40w@", "?db=12");
        expect(greeting);
        CHECK_EQ(write(peer_fd, welcome, cut), cut);
        turn(2);
        CHECK_EQ(stage.ups, 0);
        CHECK_EQ(link_ask(&stage, "PING", 100, 1), MCP_AUTH_E_IO); /* not yet */
        say(welcome + cut);
        link_up(&stage);
        CHECK_EQ(stage.ups, 1);
        finish();
    }
}

static void refused(const char *login, const char *rest, const char *answer, const char *why)
{
    begin(login, rest);
    turn(5);
    say(answer);
    link_down(&stage, why, 1000);
    if (strcmp(stage.why, why) != 0)
        fail_msg("\"%s\", not \"%s\"", stage.why, why);
    CHECK_EQ(stage.ups, 0);
    finish();
}

TEST(what_a_server_refuses_is_told_in_words_for_people)
{
    refused(":pw@", "",
            "-ERR AUTH <password> called without any password configured for the default user. Are "
            "you sure your configuration is correct?\r\n+OK\r\n+PONG\r\n",
            "a password was given and Redis needs none");
    refused(":pw@", "", "-ERR Client sent AUTH, but no password is set\r\n+OK\r\n+PONG\r\n",
            "a password was given and Redis needs none");
    refused(":pw@", "", "-ERR invalid password\r\n",
            "Redis refuses the password: ERR invalid password");
    refused("a:pw@", "", "-ERR wrong number of arguments for 'auth' command\r\n",
            "Redis refuses AUTH: ERR wrong number of arguments for 'auth' command");
    refused("", "", "-NOAUTH Authentication required.\r\n-NOAUTH Authentication required.\r\n",
            "Redis needs a password and none was given");
    refused("", "?db=1", "-NOAUTH Authentication required.\r\n",
            "Redis needs a password and none was given");
    refused("", "", "+OK\r\n-LOADING Redis is loading the dataset in memory\r\n",
            "Redis says: LOADING Redis is loading the dataset in memory");
    refused("", "", "+OK\r\n-NOPERM this user has no permissions to run the 'ping' command\r\n",
            "Redis says: NOPERM this user has no permissions to run the 'ping' command");
    refused("", "", "HTTP/1.1 400 Bad Request\r\n\r\n",
            "the answers are not Redis' protocol: is it a Redis?");
}

TEST(what_a_server_says_is_bounded_and_printable)
{
    char answer[1024] = "+OK\r\n-";

    memset(answer + 6, 'x', 900);
    memcpy(answer + 6, "BAD\x1b[31m\tred\xff", 13);
    memcpy(answer + 906, "\r\n", 3);
    begin("", "");
    turn(5);
    say(answer);
    link_down(&stage, "Redis says: BAD?[31m?red?xxx", 1000);
    CHECK(strlen(stage.why) < 200);
    finish();
}

TEST(each_answer_finds_its_question_in_any_pieces)
{
    static const char answers[] = "+one\r\n*2\r\n:2\r\n$3\r\ntwo\r\n-ERR three\r\n";

    for (size_t cut = 0; cut < sizeof answers; cut++) {
        begin_up();
        CHECK_EQ(link_ask(&stage, "ONE", 1000, 1), 0);
        CHECK_EQ(link_ask(&stage, "TWO x", 1000, 2), 0);
        CHECK_EQ(link_ask(&stage, "THREE", 1000, 3), 0);
        expect("*1\r\n$3\r\nONE\r\n*2\r\n$3\r\nTWO\r\n$1\r\nx\r\n*1\r\n$5\r\nTHREE\r\n");
        CHECK_EQ(write(peer_fd, answers, cut), cut);
        turn(1);
        say(answers + cut);
        CHECK(link_turn(&stage, &stage.answers, 3, 1000));
        assert_string_equal(link_said(&stage), "1:one;2:[2,two;3:ERR three;");
        finish();
    }
}

TEST(what_was_not_asked_ends_the_link)
{
    begin_up();
    say("+why\r\n");
    link_down(&stage, "Redis answers what was not asked", 1000);
    finish();
    begin_up();
    say("-ERR going away\r\n");
    link_down(&stage, "Redis says: ERR going away", 1000);
    finish();
    begin_up(); /* no subscription */
    say("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n");
    link_down(&stage, "Redis answers what was not asked", 1000);
    finish();
}

TEST(answers_beyond_the_ceiling_end_the_link)
{
    begin_up();
    CHECK_EQ(link_ask(&stage, "X", 1000, 1), 0);
    say("*2000000000\r\n");
    link_down(&stage, "an answer is larger than its ceiling", 1000);
    CHECK_EQ(stage.answers, 0);
    finish();
}

TEST(the_last_words_of_a_server_that_goes_are_read)
{
    begin_up();
    say("-ERR max number of clients reached\r\n");
    close(peer_fd);
    peer_fd = -1;
    CHECK_EQ(link_ask(&stage, "X", 1000, 1), 0); /* does not know yet */
    link_down(&stage, "", 1000);
    assert_string_equal(link_said(&stage), "1:ERR max number of clients reached;");
    finish();
}

TEST(an_idle_link_pings_and_an_overdue_answer_ends_it)
{
    int64_t began_ms;

    begin_up();
    began_ms = clock_now().mono_ms;
    expect("*1\r\n$4\r\nPING\r\n");
    CHECK(clock_now().mono_ms - began_ms >= REDIS_IDLE_MS - 50);
    say("+PONG\r\n");
    turn(50);
    CHECK_EQ(stage.answers, 0); /* that was our own affair */
    CHECK_EQ(link_ask(&stage, "SLOW", 60, 1), 0);
    CHECK_EQ(link_ask(&stage, "FAST", 1000, 2), 0);
    began_ms = clock_now().mono_ms;
    link_down(&stage, "no answer for 60 ms", 1000);
    CHECK(clock_now().mono_ms - began_ms >= 59);
    finish();
}

TEST(an_answer_that_waited_while_we_slept_is_no_late_one)
{
    begin_up();
    CHECK_EQ(link_ask(&stage, "X", 20, 1), 0);
    say("+x\r\n");
    usleep(50000);
    CHECK(redis_link_advance(stage.link, clock_now()) < INT64_MAX);
    CHECK_EQ(stage.answers, 1);
    CHECK_EQ(stage.downs, 0);
    finish();
}

TEST(output_and_open_questions_have_a_ceiling)
{
    size_t size = 1 << 20;
    char *block = calloc(1, size);
    struct bytes args[] = {{block, size}};
    unsigned sent = 0;
    int r = 0;

    begin_up();
    while (sent < 64 && (r = redis_link_send(stage.link, args, 1, 5000, NULL, 0)) == 0)
        sent++; /* the peer reads nothing */
    CHECK_EQ(r, MCP_AUTH_E_FULL);
    CHECK(sent >= 15 && sent <= 17);
    CHECK(redis_link_bytes(stage.link) < 2u * REDIS_OUT_BYTES_MAX + (1u << 20));
    CHECK_EQ(stage.downs, 0);
    CHECK_EQ(link_ask(&stage, "SMALL", 5000, 1), 0); /* which has room */
    finish();
    begin_up();
    for (unsigned i = 0; i < REDIS_PENDING_MAX; i++)
        CHECK_EQ(link_ask(&stage, "X", 5000, i), 0);
    CHECK_EQ(link_ask(&stage, "X", 5000, 0), MCP_AUTH_E_FULL);
    say("+1\r\n");
    CHECK(link_turn(&stage, &stage.answers, 1, 1000));
    CHECK_EQ(link_ask(&stage, "X", 5000, 0), 0);
    finish();
    free(block);
}

TEST(a_large_command_arrives_whole_at_a_slow_reader)
{
    size_t size = 3 << 20, got = 0;
    char *block = malloc(size), *read_into = malloc(size + 64);
    struct bytes args[] = {{block, size}};

    CHECK(block && read_into);
    for (size_t i = 0; i < size; i++)
        block[i] = (char)(i * 31 + i / 257);
    begin_up();
    CHECK_EQ(redis_link_send(stage.link, args, 1, 5000, NULL, 0), 0);
    while (got < size + 16) { /* "*1\r\n$3145728\r\n" and CR LF: 4 + 10 + 2 */
        ssize_t n = read(peer_fd, read_into + got, 50000);

        CHECK(n != 0);
        if (n > 0)
            got += (size_t)n;
        turn(0);
    }
    CHECK_EQ(got, size + 16);
    assert_memory_equal(read_into + 14, block, size);
    finish();
    free(block);
    free(read_into);
}

TEST(a_link_may_be_closed_in_a_callback_and_calls_nothing_any_more)
{
    begin_up();
    stage.close_in_answer = true;
    CHECK_EQ(link_ask(&stage, "ONE", 1000, 1), 0);
    CHECK_EQ(link_ask(&stage, "TWO", 1000, 2), 0);
    say("+1\r\n+2\r\n+3\r\n");
    turn(20);
    CHECK(stage.link == NULL);
    CHECK_EQ(stage.answers, 1);
    CHECK_EQ(stage.downs, 0);
    finish();
}

TEST(pushes_and_answers_are_told_apart)
{
    begin_up();
    redis_link_subscribe_mode(stage.link, link_take_push);
    CHECK_EQ(link_ask(&stage, "SUBSCRIBE c", 1000, 1), 0);
    CHECK_EQ(link_ask(&stage, "PING", 1000, 2), 0);
    say("*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\n{}\r\n"
        "*2\r\n$4\r\npong\r\n$0\r\n\r\n*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$0\r\n\r\n");
    CHECK(link_turn(&stage, &stage.pushes, 2, 1000));
    assert_string_equal(link_said(&stage),
                        "1:[subscribe,c,1;push:[message,c,{};2:[pong,;push:[message,c,;");
    finish();
}

TEST(the_second_address_of_a_name_is_tried_when_the_first_refuses)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    char url[64];

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0) {
        print_message("no IPv6 here: not tried\n");
        return;
    }
    CHECK_EQ(listen(fd, 8), 0);
    CHECK_EQ(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    snprintf(url, sizeof url, "redis://localhost:%u", ntohs(address.sin6_port));
    peer_listen();
    close(listen_fd);
    listen_fd = fd;
    link_stage_open(&stage, url, "", NULL);
    peer_accept(); /* 127.0.0.1 has nobody on this port */
    expect(GREETING);
    finish();
}

TEST(a_link_may_be_closed_at_every_stage_of_its_life)
{
    peer_listen();
    link_stage_open(&stage, "redis://localhost.invalid:1", "", NULL);
    redis_link_close(stage.link); /* before the first advance */
    stage.link = NULL;
    finish();
    peer_listen();
    link_stage_open(&stage, "redis://localhost.invalid:1", "", NULL);
    (void)redis_link_advance(stage.link, clock_now()); /* the look-up is under way */
    finish();
    begin("", ""); /* the greeting */
    finish();
    begin_up();
    CHECK_EQ(link_ask(&stage, "X", 1000, 1), 0);
    finish();
    redis_link_close(NULL);
}
