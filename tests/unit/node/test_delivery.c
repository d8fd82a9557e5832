/* SPDX-License-Identifier: Apache-2.0 */
/* test_delivery.c: what the bus thread tells, every worker does in order; what waits is backlog. */
#include <poll.h>

#include "node/node_private.h"
#include "sample_event.h"

#define SECRET "a secret for the test of deliveries, 32+ bytes"
#define MESSAGE_SIZE 16000
#define BATCH 200

static struct settings *settings;
static struct node *node;
static struct mailbox quick, late; /* of two hubs; the late one's thread does nothing */
static struct hub *quick_hub, *late_hub;
static unsigned answers;
static enum publication_result result;

static void say_problem(void *owner, const char *text)
{
    (void)owner;
    fail_msg("%s", text);
}

static void begin(void)
{
    struct settings_builder *builder;
    struct issuers *issuers;
    struct keyring *keys;
    const char *why;

    CHECK_EQ(settings_builder_new(&builder), 0);
    CHECK_EQ(settings_set(builder, "MCP_AUTH_JWT_SECRET", BYTES(SECRET), SOURCE_FLAG, NULL), 0);
    CHECK_EQ(settings_finish(builder, say_problem, NULL, &settings), 0);
    settings_builder_free(builder);
    CHECK_EQ(keyring_new(&keys, 0), 0);
    CHECK_EQ(keyring_add_secret(keys, BYTES(SECRET), &why), 0);
    CHECK_EQ(issuers_new(&issuers, keys, NULL, 0), 0);
    CHECK_EQ(node_new(&node, settings, issuers), 0);
    issuers_unref(issuers);
    keyring_unref(keys);
    CHECK_EQ(mailbox_init(&quick), 0);
    CHECK_EQ(mailbox_init(&late), 0);
    CHECK_EQ(node_attach(node, &quick, &quick_hub), 0);
    CHECK_EQ(node_attach(node, &late, &late_hub), 0);
    CHECK_EQ(node_start(node), 0);
}

static void answered(struct publication *publication, void *owner)
{
    (void)owner;
    answers++;
    result = publication->result;
    publication_free(publication);
}

/* A batch of 3.2 MB, asked for by the quick hub, which announces it; until it is answered. */
static enum publication_result publish(void)
{
    struct event_context context = {.any_tenant = true,
                                    .tenant = BYTES(""),
                                    .publisher = BYTES("p"),
                                    .wall_ms = 1};
    struct ingest_problem problem;
    struct publication *publication;
    struct strbuf body;
    unsigned redacted, before = answers;
    char *message = malloc(MESSAGE_SIZE + 1);

    CHECK(message != NULL);
    memset(message, 'm', MESSAGE_SIZE);
    message[MESSAGE_SIZE] = '\0';
    strbuf_init(&body, BATCH_SIZE_MAX);
    for (unsigned i = 0; i < BATCH; i++)
        strbuf_printf(&body, "{\"event_type\":\"user_updated\",\"message\":\"%s\"}\n", message);
    free(message);
    context.wall_ms = clock_now().wall_ms;
    CHECK_EQ(node_ingest(node, strbuf_bytes(&body), INGEST_NDJSON, &context, BYTES(""),
                         &publication, &redacted, &problem),
             0);
    strbuf_done(&body);
    publication->hub = 0;
    publication->done = answered;
    node_publish(node, publication);
    for (unsigned i = 0; i < 20000 && answers == before; i++) {
        struct pollfd bell = {.fd = mailbox_fd(&quick), .events = POLLIN};

        (void)poll(&bell, 1, 1);
        while (mailbox_run(&quick, quick_hub, 64))
            ;
    }
    CHECK_EQ(answers, before + 1);
    return result;
}

TEST(a_worker_that_is_late_holds_publishers_back)
{
    struct node_stats stats;
    unsigned accepted = 0;

    begin();
    while (publish() == PUBLICATION_ACCEPTED)
        CHECK(++accepted <= BUS_BACKLOG_BYTES_MAX / (BATCH * MESSAGE_SIZE));
    CHECK_EQ(result, PUBLICATION_OVERLOADED);
    CHECK(accepted > 0);
    node_stats(node, &stats);
    CHECK(stats.backlog_bytes <= BUS_BACKLOG_BYTES_MAX);
    CHECK(stats.backlog_bytes > (unsigned long long)accepted * BATCH * MESSAGE_SIZE);
    while (mailbox_run(&late, late_hub, 64))
        ;
    node_stats(node, &stats);
    CHECK_EQ(stats.backlog_bytes, 0);
    CHECK_EQ(publish(), PUBLICATION_ACCEPTED);
    node_stop(node);
    while (mailbox_run(&quick, quick_hub, 64) || mailbox_run(&late, late_hub, 64))
        ;
    node_free(node);
    mailbox_done(&quick);
    mailbox_done(&late);
    settings_free(settings);
}

/* In the bus thread: two events alone, of which one comes back, and then another stream. */
static void tell_all(struct note *note, void *context)
{
    static const struct position first = {7, 10, 1}, head = {7, 11, 2};
    struct sample sample = {.type = EVENT_USER_UPDATED, .user = "ann"};
    struct entry entry = {.event = sample_event(sample), .alone = 1};

    (void)note;
    CHECK(context == node);
    CHECK_EQ(broadcast_reserve(node->broadcast, 7), 0);
    CHECK_EQ(deliveries_reserve(node, 14), 0);
    broadcast_alone(node->broadcast, &entry);
    entry.alone = 2;
    broadcast_alone(node->broadcast, &entry);
    entry.alone = 1;
    entry.n = 1;
    broadcast_entry(node->broadcast, &entry);
    broadcast_forget_alone(node->broadcast, 2);
    broadcast_gone(node->broadcast, &entry);
    broadcast_reset(node->broadcast, &first);
    entry.n = 11;
    entry.check = 2;
    entry.alone = 0;
    broadcast_past(node->broadcast, &entry);
    CHECK_EQ(broadcast_reserve(node->broadcast, 1), 0);
    broadcast_rebase(node->broadcast, &head, REBASE_LOST);
    event_unref(entry.event);
}

TEST(every_worker_does_what_it_is_told_in_order)
{
    struct note note = {.run = tell_all};
    struct node_stats stats;

    begin();
    mailbox_put(&node->mailbox, &note);
    for (unsigned i = 0; i < 20000 && atomic_load(&hub_counters(quick_hub)->head_n) != 11; i++) {
        struct pollfd bell = {.fd = mailbox_fd(&quick), .events = POLLIN};

        (void)poll(&bell, 1, 1);
        while (mailbox_run(&quick, quick_hub, 64))
            ;
    }
    CHECK_EQ(atomic_load(&hub_counters(quick_hub)->head_n), 11);
    CHECK_EQ(atomic_load(&hub_counters(quick_hub)->events_announced), 2);
    node_stop(node);
    while (mailbox_run(&late, late_hub, 64))
        ;
    CHECK_EQ(atomic_load(&hub_counters(late_hub)->head_n), 11);
    CHECK_EQ(atomic_load(&hub_counters(late_hub)->events_announced), 2);
    node_stats(node, &stats);
    CHECK_EQ(stats.backlog_bytes, 0);
    node_free(node);
    mailbox_done(&quick);
    mailbox_done(&late);
    settings_free(settings);
}
