/* SPDX-License-Identifier: Apache-2.0 */
/* test_plain.c: what other programs PUBLISH is taken in once under its id, refused or passed over. */
#include "node/plain.h"

#include <poll.h>
#include <stdio.h>

#include "unit.h"

#define SECRET "a secret for the test of plain events, 32+ bytes"
#define SEEN_MAX 8

static struct settings *settings;
static struct node *node;
static struct mailbox mailbox;
static struct hub *hub;
static struct event *seen[SEEN_MAX];
static unsigned seen_count, warnings;
static char last_reason[256], last_member[64];

static void say_problem(void *owner, const char *text)
{
    (void)owner;
    fail_msg("%s", text);
}

static void see(void *owner, const struct event *event, const struct position *at)
{
    (void)owner;
    (void)at;
    CHECK(seen_count < SEEN_MAX);
    seen[seen_count++] = event_ref((struct event *)(uintptr_t)event);
}

static void hear(void *owner, enum log_level level, struct bytes words,
                 const struct log_field *fields, unsigned count)
{
    (void)owner;
    if (level < LOG_WARNING || !bytes_equal(words, BYTES("an event on Redis' channel is refused")))
        return;
    warnings++;
    CHECK_EQ(count, 4);
    snprintf(last_member, sizeof last_member, "%.*s", (int)fields[1].value.size,
             fields[1].value.data);
    snprintf(last_reason, sizeof last_reason, "%.*s", (int)fields[2].value.size,
             fields[2].value.data);
}

static void begin(const char *plain)
{
    struct settings_builder *builder;
    struct issuers *issuers;
    struct keyring *keys;
    const char *why;

    CHECK_EQ(settings_builder_new(&builder), 0);
    CHECK_EQ(settings_set(builder, "MCP_AUTH_JWT_SECRET", BYTES(SECRET), SOURCE_FLAG, NULL), 0);
    CHECK_EQ(settings_set(builder, "MCP_AUTH_REDIS_PLAIN", bytes_of(plain), SOURCE_FLAG, NULL), 0);
    CHECK_EQ(settings_finish(builder, say_problem, NULL, &settings), 0);
    settings_builder_free(builder);
    CHECK_EQ(keyring_new(&keys, 0), 0);
    CHECK_EQ(keyring_add_secret(keys, BYTES(SECRET), &why), 0);
    CHECK_EQ(issuers_new(&issuers, keys, NULL, 0), 0);
    CHECK_EQ(node_new(&node, settings, issuers), 0);
    issuers_unref(issuers);
    keyring_unref(keys);
    CHECK_EQ(mailbox_init(&mailbox), 0);
    CHECK_EQ(node_attach(node, &mailbox, &hub), 0);
    node_observe(node, see, NULL);
    node->now = clock_now(); /* its thread does not run yet: the test stands in for it */
    seen_count = warnings = 0;
    last_reason[0] = last_member[0] = '\0';
    log_to(hear, NULL, LOG_WARNING);
}

/* All that was taken is published now. */
static void end(void)
{
    CHECK_EQ(node_start(node), 0);
    /* What withdraws waits for the hub. */
    for (unsigned i = 0; i < 5000 && atomic_load(&node->backlog_bytes) > 0; i++) {
        struct pollfd bell = {.fd = mailbox_fd(&mailbox), .events = POLLIN};

        (void)poll(&bell, 1, 1);
        (void)mailbox_run(&mailbox, hub, 64);
    }
    node_stop(node);
    while (mailbox_run(&mailbox, hub, 64))
        ;
    node_free(node);
    mailbox_done(&mailbox);
    settings_free(settings);
    log_to(NULL, NULL, LOG_DEBUG);
}

static void forget(void)
{
    for (unsigned i = 0; i < seen_count; i++)
        event_unref(seen[i]);
}

static void take(const char *json)
{
    plain_take(node, bytes_of(json));
}

TEST(an_event_of_the_guides_shape_is_taken_in)
{
    begin("accept");
    take("{\"event_type\": \"role_revoked\", \"event_id\": \"py-1\", \"user_id\": \"admin\","
         " \"user_name\": null, \"target_user_id\": \"ann\", \"role_name\": \"editor\","
         " \"resource\": null, \"tenant_id\": \"acme\", \"id\": null, \"type\": null,"
         " \"timestamp\": \"2024-01-01T00:00:00\", \"data\": {\"a\": null, \"password\": \"x\"}}");
    end();
    CHECK_EQ(warnings, 0);
    CHECK_EQ(seen_count, 1);
    CHECK_TEXT(seen[0]->id, "py-1");
    CHECK(seen[0]->id_given);
    CHECK_TEXT(seen[0]->tenant, "acme");
    CHECK_TEXT(seen[0]->publisher, "");
    CHECK_TEXT(seen[0]->data, "{\"a\":null}");
    CHECK(!bytes_present(seen[0]->members[MEMBER_RESOURCE]));
    CHECK(seen[0]->has_fence && !seen[0]->no_effects);
    CHECK(seen[0]->time_ms > INT64_C(1750000000000)); /* not of the publisher's clock */
    forget();
}

TEST(an_event_that_comes_again_is_the_same_one)
{
    begin("accept");
    take("{\"event_type\":\"user_created\",\"id\":\"a\"}");
    take("{\"event_type\":\"user_created\",\"event_id\":\"a\",\"user_id\":null}");
    take("{\"event_type\":\"user_created\",\"id\":\"b\"}");
    end();
    CHECK_EQ(seen_count, 2);
    CHECK_EQ(warnings, 0);
    forget();
}

TEST(an_id_that_comes_with_another_body_is_refused_with_a_warning)
{
    begin("accept");
    take("{\"event_type\":\"user_created\",\"id\":\"a\"}");
    take("{\"event_type\":\"user_deleted\",\"id\":\"a\"}");
    end();
    CHECK_EQ(seen_count, 1);
    CHECK_EQ(warnings, 1);
    CHECK(strstr(last_reason, "another body"));
    forget();
}

TEST(without_effects_nothing_is_withdrawn)
{
    begin("no-effects");
    take("{\"event_type\":\"user_deleted\",\"id\":\"a\",\"user_id\":\"ann\"}");
    end();
    CHECK_EQ(seen_count, 1);
    CHECK(seen[0]->no_effects && !seen[0]->has_fence && !seen[0]->withdraws_nothing);
    forget();
}

TEST(echoes_are_passed_over_and_off_means_all)
{
    begin("accept");
    take("{\"type\":\"event\",\"id\":\"a\",\"event_type\":\"user_created\"}");
    take(" {\"id\":\"a\",\"event_type\":\"user_created\", \"type\":\"rbac\"}");
    end();
    CHECK_EQ(seen_count + warnings, 0);
    begin("off");
    take("{\"event_type\":\"user_created\",\"id\":\"a\"}");
    take("{\"event_type\":\"user_created\"}");
    end();
    CHECK_EQ(seen_count + warnings, 0);
}

static void refused(const char *json, const char *member, const char *reason)
{
    begin("accept");
    take(json);
    end();
    CHECK_EQ(seen_count, 0);
    CHECK_EQ(warnings, 1);
    assert_string_equal(last_member, member);
    CHECK(strstr(last_reason, reason));
}

TEST(what_is_wrong_is_said)
{
    static char long_text[EVENT_SIZE_MAX + 2];

    refused("{\"event_type\":\"user_created\"}", "id", "is required");
    refused("{\"event_type\":\"user_created\",\"id\":null}", "id", "is required");
    refused("{\"event_type\":\"user_created\",\"id\":\"a\",\"event_id\":\"a\"}", "", "");
    refused("{\"event_type\":\"user_created\",\"id\":\"a b\"}", "id", "may only hold");
    refused("{\"event_type\":\"user_creatd\",\"id\":\"a\"}", "event_type", "did you mean");
    refused("{\"id\":\"a\"}", "event_type", "is required");
    refused("{\"event_type\":\"user_created\",\"id\":\"a\",\"usr_id\":\"b\"}", "usr_id",
            "not known");
    refused("{}", "event_type", "is required");
    refused("[]", "", "object");
    refused("7", "", "object");
    refused("hello", "", "line 1");
    refused("", "", "line 1");
    memset(long_text, ' ', sizeof long_text - 1);
    refused(long_text, "", "64 KiB");
}

TEST(warnings_are_counted_not_repeated)
{
    begin("accept");
    for (unsigned i = 0; i < 1000; i++)
        take("{}");
    CHECK(warnings >= 1 && warnings <= 3); /* one a second */
    CHECK(atomic_load(&node->plain_unsaid) + warnings <= 1000);
    end();
}
