/* SPDX-License-Identifier: Apache-2.0 */
/* test_client.c: a client against a server that says what each test wants to be said. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "fake_server.h"
#include "unit.h"

/* What the callbacks were told. */
struct told {
    char ids[256];   /* each followed by a space */
    char states[64]; /* C, L, W, N, S */
    int gap, gaps, close_code, resumed, asked, token_result;
    long long retry_ms;
    const char *next_token; /* given by on_token */
    bool interrupt_each;
};

static struct told told;
static struct fake_server fake;
static mcp_auth_client *client;

static void add(char *text, size_t size, const char *more)
{
    size_t used = strlen(text);

    snprintf(text + used, size - used, "%s", more);
}

static void on_event(void *owner, mcp_auth_client *from, const mcp_auth_client_event *event)
{
    CHECK(owner == &told && event->json_size == strlen(event->json));
    assert_string_equal(mcp_auth_client_position(from), event->position);
    add(told.ids, sizeof told.ids, event->id);
    add(told.ids, sizeof told.ids, " ");
    if (told.interrupt_each)
        mcp_auth_client_interrupt(from);
}

static void on_gap(void *owner, mcp_auth_client *from, int code, const char *position)
{
    (void)owner;
    assert_string_equal(mcp_auth_client_position(from), position);
    told.gap = code;
    told.gaps++;
}

static int on_token(void *owner, mcp_auth_client *from, enum mcp_auth_client_token_why why)
{
    (void)owner, (void)why;
    told.asked++;
    if (told.next_token)
        CHECK_EQ(mcp_auth_client_set_token(from, told.next_token), 0);
    return told.token_result;
}

static void on_state(void *owner, mcp_auth_client *from, const mcp_auth_client_status *status)
{
    char letter[2] = {"CLWNS"[status->state], '\0'};

    (void)owner;
    CHECK_EQ(mcp_auth_client_state_of(from), status->state);
    CHECK(status->why && *status->why);
    add(told.states, sizeof told.states, letter);
    told.close_code = status->close_code;
    told.resumed = status->resumed;
    told.retry_ms = status->retry_ms;
}

static mcp_auth_client_options begin(void)
{
    told = (struct told){0};
    fake_open(&fake);
    return (mcp_auth_client_options){
        .size = sizeof(mcp_auth_client_options),
        .url = fake.url,
        .token = "one",
        .owner = &told,
        .on_event = on_event,
        .on_gap = on_gap,
        .on_state = on_state,
        .retry_first_ms = 1,
        .retry_max_ms = 1,
        .connect_timeout_ms = 400,
    };
}

static void start(const mcp_auth_client_options *options)
{
    CHECK_EQ(mcp_auth_client_open(&client, options), 0);
}

static void end(void)
{
    mcp_auth_client_close(client);
    client = NULL;
    fake_close(&fake);
}

static void event(const char *id, const char *position)
{
    char frame[512];

    snprintf(
        frame, sizeof frame,
        "{\"type\":\"event\",\"id\":\"%s\",\"event_type\":\"user_updated\",\"position\":\"%s\"}",
        id, position);
    fake_send(&fake, client, frame);
}

TEST(a_client_signs_in_with_token_and_filter_and_is_given_events)
{
    static const char *const types[] = {"user_updated", "role_revoked", NULL};
    static const char *const resources[] = {"doc\"s/*", NULL};
    mcp_auth_client_options options = begin();

    options.event_types = types;
    options.resources = resources;
    options.min_security_level = "HIGH";
    start(&options);
    fake_sign_in(&fake, client, "p0", "\"resumed\":false,\"heartbeat_interval\":30");
    assert_string_equal(fake.said.data,
                        "{\"type\":\"auth\",\"token\":\"one\",\"subscribe\":{\"event_types\":"
                        "[\"user_updated\",\"role_revoked\"],\"resources\":[\"doc\\\"s/*\"],"
                        "\"min_security_level\":\"HIGH\"}}");
    assert_string_equal(told.states, "CL");
    assert_string_equal(mcp_auth_client_position(client), "p0");
    CHECK_EQ(told.gaps, 0);
    event("a", "p1");
    event("b", "p2");
    assert_string_equal(told.ids, "a b ");
    end();
}

TEST(a_client_that_lost_its_connection_resumes_and_removes_doubles)
{
    mcp_auth_client_options options = begin();

    start(&options);
    fake_sign_in(&fake, client, "p0", "\"resumed\":false");
    event("a", "p1");
    fake_send(&fake, client, "{\"type\":\"heartbeat\",\"position\":\"p2\",\"bus\":\"ok\"}");
    fake_hang_up(&fake, client);
    fake_sign_in(&fake, client, "p2", "\"resumed\":true");
    assert_string_equal(fake.said.data,
                        "{\"type\":\"auth\",\"token\":\"one\",\"position\":\"p2\"}");
    assert_string_equal(told.states, "CLWCL");
    CHECK_EQ(told.resumed, 1);
    event("a", "p3");
    event("b", "p4");
    assert_string_equal(told.ids, "a b ");
    assert_string_equal(mcp_auth_client_position(client), "p4");
    CHECK_EQ(told.gaps, 0);
    end();
}

TEST(a_lost_position_is_told_when_live_begins_again)
{
    mcp_auth_client_options options = begin();

    options.position = "old";
    start(&options);
    fake_sign_in(&fake, client, "new", "\"resumed\":false");
    assert_string_equal(fake.said.data,
                        "{\"type\":\"auth\",\"token\":\"one\",\"position\":\"old\"}");
    CHECK_EQ(told.gap, 4301);
    fake_send_close(&fake, client, 4302);
    fake_sign_in(&fake, client, "newer", "\"resumed\":false");
    assert_string_equal(fake.said.data, "{\"type\":\"auth\",\"token\":\"one\"}");
    CHECK_EQ(told.gap, 4302);
    CHECK_EQ(told.gaps, 2);
    end();
}

TEST(a_stop_code_ends_it_and_the_close_is_answered)
{
    mcp_auth_client_options options = begin();

    start(&options);
    fake_sign_in(&fake, client, "p0", "\"resumed\":false");
    fake_send_close(&fake, client, 4004);
    CHECK_EQ(fake.close_code, 4004);
    CHECK_EQ(told.close_code, 4004);
    assert_string_equal(told.states, "CLS");
    CHECK_EQ(mcp_auth_client_run(client, 0), MCP_AUTH_E_REFUSED);
    end();
}

TEST(a_renew_code_asks_for_another_token_and_comes_back_with_it)
{
    mcp_auth_client_options options = begin();

    options.on_token = on_token;
    told.next_token = "two";
    start(&options);
    fake_sign_in(&fake, client, "p0", "\"resumed\":false");
    fake_send_close(&fake, client, 4102);
    CHECK_EQ(told.asked, 1);
    fake_sign_in(&fake, client, "p0", "\"resumed\":true");
    assert_string_equal(fake.said.data,
                        "{\"type\":\"auth\",\"token\":\"two\",\"position\":\"p0\"}");
    assert_string_equal(told.states, "CLNWCL");
    end();
}

TEST(a_token_may_come_later_than_it_was_asked_for)
{
    mcp_auth_client_options options = begin();

    options.token = NULL;
    options.on_token = on_token;
    start(&options);
    fake_settle(client);
    assert_string_equal(told.states, "N");
    CHECK_EQ(mcp_auth_client_set_token(client, "late"), 0);
    fake_sign_in(&fake, client, "p0", "\"resumed\":false");
    assert_string_equal(fake.said.data, "{\"type\":\"auth\",\"token\":\"late\"}");
    end();
}

TEST(without_another_token_a_renew_code_ends_it)
{
    mcp_auth_client_options options = begin();

    start(&options);
    fake_sign_in(&fake, client, "p0", "\"resumed\":false");
    fake_send_close(&fake, client, 4101);
    CHECK_EQ(mcp_auth_client_run(client, 0), MCP_AUTH_E_EXPIRED);
    assert_string_equal(told.states, "CLS");
    end();
}

TEST(a_token_is_renewed_on_the_live_connection_without_a_position)
{
    mcp_auth_client_options options = begin();
    struct now now = {0};
    char rest[128], expires[CLOCK_RFC3339_SIZE];

    options.on_token = on_token;
    told.next_token = "two";
    start(&options);
    now = clock_now();
    clock_rfc3339(now.wall_ms + 1200, expires);
    snprintf(rest, sizeof rest, "\"resumed\":false,\"expires_at\":\"%s\"", expires);
    fake_sign_in(&fake, client, "p0", rest);
    for (int i = 0; i < 300 && !told.asked; i++)
        CHECK_EQ(mcp_auth_client_run(client, 10), 0);
    CHECK_EQ(told.asked, 1);
    CHECK(clock_now().mono_ms - now.mono_ms >= 900);
    fake_receive(&fake);
    assert_string_equal(fake.said.data, "{\"type\":\"auth\",\"token\":\"two\"}");
    /* Its close crosses the renewal: the new token is tried before another is asked for. */
    told.next_token = NULL;
    fake_send_close(&fake, client, 4101);
    fake_sign_in(&fake, client, "p0", "\"resumed\":true");
    CHECK_EQ(told.asked, 1);
    CHECK(strstr(fake.said.data, "\"two\""));
    end();
}

TEST(a_client_waits_at_least_as_long_as_the_server_says)
{
    mcp_auth_client_options options = begin();

    start(&options);
    fake_sign_in(&fake, client, "p0", "\"resumed\":false");
    fake_send(&fake, client,
              "{\"type\":\"closing\",\"code\":4200,\"reason\":\"x\",\"retry_after_ms\":7000}");
    fake_hang_up(&fake, client); /* the close itself got lost */
    CHECK_EQ(told.close_code, 4200);
    CHECK(told.retry_ms >= 7000 && told.retry_ms <= 7001);
    end();
}

TEST(a_silent_server_is_given_up_and_a_mute_one_too)
{
    mcp_auth_client_options options = begin();

    options.silence_ms = 80;
    start(&options);
    fake_sign_in(&fake, client, "p0", "\"resumed\":false");
    for (int i = 0; i < 200 && strcmp(told.states, "CL") == 0; i++)
        CHECK_EQ(mcp_auth_client_run(client, 10), 0);
    CHECK_EQ(strncmp(told.states, "CLW", 3), 0);
    /* It accepts and says nothing. */
    for (int i = 0; i < 200 && strcmp(told.states, "CLWCW") != 0; i++)
        CHECK_EQ(mcp_auth_client_run(client, 10), 0);
    CHECK_EQ(strncmp(told.states, "CLWCW", 5), 0);
    end();
}

static unsigned descriptors(void)
{
    unsigned count = 0;

    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

TEST(nobody_listening_is_tried_again_and_no_descriptor_is_left_behind)
{
    mcp_auth_client_options options = begin();
    unsigned before;

    options.url = "unix:/tmp/mcp-auth-unit-nobody";
    start(&options);
    before = descriptors();
    for (int i = 0; i < 200; i++)
        CHECK_EQ(mcp_auth_client_run(client, 2), 0);
    CHECK_EQ(strncmp(told.states, "CWCWCW", 6), 0);
    CHECK_EQ(descriptors(), before);
    end();
}

TEST(a_server_that_hangs_up_again_and_again_leaves_nothing_behind)
{
    mcp_auth_client_options options = begin();
    unsigned before = 0;

    start(&options);
    for (int i = 0; i < 100; i++) {
        fake_sign_in(&fake, client, "p0", "\"resumed\":true");
        if (i == 0)
            before = descriptors();
        fake_hang_up(&fake, client);
    }
    fake_sign_in(&fake, client, "p0", "\"resumed\":true");
    CHECK_EQ(descriptors(), before);
    end();
}

TEST(an_interruption_keeps_what_has_arrived_for_the_next_run)
{
    mcp_auth_client_options options = begin();
    struct strbuf both;

    told.interrupt_each = true;
    start(&options);
    fake_sign_in(&fake, client, "p0", "\"resumed\":false");
    strbuf_init(&both, 4096);
    for (char id = 'a'; id <= 'c'; id++) {
        static const char text[] = "{\"type\":\"event\",\"id\":\"%c\",\"position\":\"p%c\"}";

        strbuf_putc(&both, (char)0x81);
        strbuf_putc(&both, (char)(sizeof text - 1 - 2)); /* each %c is one character */
        strbuf_printf(&both, text, id, id);
    }
    CHECK_EQ(write(fake.fd, both.data, both.size), both.size);
    CHECK_EQ(mcp_auth_client_run(client, 1000), 0);
    assert_string_equal(told.ids, "a ");
    assert_string_equal(mcp_auth_client_position(client), "pa");
    CHECK_EQ(mcp_auth_client_run(client, 1000), 0);
    assert_string_equal(told.ids, "a b ");
    fake_settle(client);
    assert_string_equal(told.ids, "a b c ");
    strbuf_done(&both);
    end();
}

TEST(a_filter_can_be_replaced_on_the_live_connection)
{
    static const char *const types[] = {"role_revoked", NULL};
    mcp_auth_client_options options = begin();

    start(&options);
    fake_sign_in(&fake, client, "p0", "\"resumed\":false");
    CHECK_EQ(mcp_auth_client_subscribe(client, types, NULL, NULL), 0);
    fake_settle(client);
    fake_receive(&fake);
    assert_string_equal(fake.said.data,
                        "{\"type\":\"subscribe\",\"event_types\":[\"role_revoked\"]}");
    CHECK_EQ(mcp_auth_client_subscribe(client, NULL, NULL, NULL), 0);
    fake_settle(client);
    fake_receive(&fake);
    assert_string_equal(fake.said.data, "{\"type\":\"subscribe\"}");
    end();
}

TEST(pings_are_answered_and_frames_of_later_versions_ignored)
{
    mcp_auth_client_options options = begin();

    start(&options);
    fake_sign_in(&fake, client, "p0", "\"resumed\":false");
    fake_send_raw(&fake, client, "\x89\x02hi", 4);
    fake_receive(&fake);
    CHECK_EQ(fake.pongs, 1);
    fake_send(&fake, client, "{\"type\":\"something_new\",\"x\":[1]}");
    fake_send(&fake, client, "{\"no\":\"type\"}");
    assert_string_equal(told.states, "CL");
    end();
}

static void check_breaks(const void *data, size_t size)
{
    mcp_auth_client_options options = begin();

    start(&options);
    fake_accept(&fake, client);
    fake_send_raw(&fake, client, data, size);
    CHECK_EQ(strncmp(told.states, "CW", 2), 0);
    assert_string_equal(told.ids, "");
    end();
}

TEST(a_server_that_breaks_the_rules_is_left)
{
    static const char early[] = "\x81\x24{\"type\":\"event\",\"id\":\"x\",\"position\":1}";

    check_breaks(early, sizeof early - 1);
    check_breaks("\x81\x02[]", 4);
    check_breaks("\x81\x03{]x", 5);
    check_breaks("\x82\x02{}", 4);                        /* binary */
    check_breaks("\x81\x82\0\0\0\0{}", 8);                /* masked */
    check_breaks("\xc1\x02{}", 4);                        /* RSV1 without an extension */
    check_breaks("\x81\x7f\0\0\0\0\x7f\xff\xff\xff", 10); /* 2 GiB */
}

TEST(options_that_make_no_sense_are_refused)
{
    static const char *const too_many[34] = {"a", "a", "a", "a", "a", "a", "a", "a", "a",
                                             "a", "a", "a", "a", "a", "a", "a", "a", "a",
                                             "a", "a", "a", "a", "a", "a", "a", "a", "a",
                                             "a", "a", "a", "a", "a", "a", NULL};
    const mcp_auth_client_options good = begin();
    mcp_auth_client_options bad[8];

    for (size_t i = 0; i < 8; i++)
        bad[i] = good;
    bad[0].size = 8;
    bad[1].url = NULL;
    bad[2].on_event = NULL;
    bad[3].token = "a b";
    bad[4].position = "a\nb";
    bad[5].position = "0123456789012345678901234567890123";
    bad[6].resources = too_many;
    bad[7].dedupe_ids = 1000001;
    for (size_t i = 0; i < 8; i++)
        CHECK_EQ(mcp_auth_client_open(&client, &bad[i]), MCP_AUTH_E_INVALID);
    bad[0] = good;
    bad[0].min_security_level = "HIHG";
    CHECK_EQ(mcp_auth_client_open(&client, &bad[0]), MCP_AUTH_E_NOT_FOUND);
    bad[0] = good;
    bad[0].event_types = too_many;
    CHECK_EQ(mcp_auth_client_open(&client, &bad[0]), MCP_AUTH_E_NOT_FOUND);
    bad[0] = good;
    bad[0].url = "wss://localhost/ws";
    CHECK_EQ(mcp_auth_client_open(&client, &bad[0]), MCP_AUTH_E_UNSUPPORTED);
    fake_close(&fake);
}

TEST(a_refused_handshake_ends_it_or_not_by_its_status)
{
    static const struct {
        const char *head, *states;
    } cases[] = {
        {"HTTP/1.1 404 Not Found\r\n\r\n", "CS"},
        {"HTTP/1.1 403 Forbidden\r\n\r\n", "CS"},
        {"HTTP/1.1 503 Unavailable\r\nRetry-After: 5\r\n\r\n", "CW"},
        {"HTTP/1.1 429 Too Many\r\nRetry-After: 5\r\n\r\n", "CW"},
        {"220 mail.example ESMTP\r\n\r\n", "CS"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mcp_auth_client_options options = begin();

        start(&options);
        for (int turn = 0; turn < 100 && fake.fd < 0; turn++) {
            CHECK_EQ(mcp_auth_client_run(client, 5), 0);
            fake.fd = accept(fake.listen_fd, NULL, NULL);
        }
        fake_send_raw(&fake, client, cases[i].head, strlen(cases[i].head));
        assert_string_equal(told.states, cases[i].states);
        if (cases[i].states[1] == 'W')
            CHECK(told.retry_ms >= 5000);
        end();
    }
}
