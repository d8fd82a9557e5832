/* SPDX-License-Identifier: Apache-2.0 */
/* test_seats.c: one too many replaces the oldest of its user, whoever leaves, in whatever order. */
#include <limits.h>

#include "base/random.h"
#include "node/node_private.h"
#include "unit.h"

#define HUBS 3

static struct node node;
static struct settings settings;
static struct mailbox loops[HUBS];
static struct token_rules rules;
static struct hub_settings hub_settings;
static struct issuers *issuers;
static uint64_t random_state = 3;
static struct random dice;

static void begin(unsigned limit)
{
    static const uint8_t seed[16] = {1};
    struct hub_port port = {0};
    struct keyring *keys;

    memset(&node, 0, sizeof node);
    dice = random_seeded(&random_state);
    settings.user_connections = limit;
    node.settings = &settings;
    node.hubs_count = HUBS;
    hub_settings.tokens = &rules;
    CHECK_EQ(keyring_new(&keys, 0), 0);
    CHECK_EQ(issuers_new(&issuers, keys, NULL, 0), 0);
    keyring_unref(keys);
    CHECK_EQ(mailbox_init(&node.mailbox), 0);
    seats_init(&node.seats, seed);
    for (unsigned i = 0; i < HUBS; i++) {
        CHECK_EQ(mailbox_init(&loops[i]), 0);
        node.hubs[i] = (struct node_hub){.node = &node, .index = i, .mailbox = &loops[i]};
        CHECK_EQ(hub_new(&node.hubs[i].hub, i, &hub_settings, issuers, &port, &dice,
                         (struct position){0}, (struct now){0}),
                 0);
    }
}

static void end(void)
{
    while (mailbox_run(&node.mailbox, &node, UINT_MAX))
        ;
    seats_done(&node.seats);
    mailbox_done(&node.mailbox);
    for (unsigned i = 0; i < HUBS; i++) {
        hub_free(node.hubs[i].hub);
        mailbox_done(&loops[i]);
    }
    issuers_unref(issuers);
}

static struct seat *join(unsigned hub, const char *tenant, const char *user)
{
    struct claims claims = {.tenant = bytes_of(tenant), .user = bytes_of(user)};
    struct seat *seat;

    CHECK(seats_join(&node.hubs[hub], 1, &claims, &seat));
    return seat;
}

static void run_bus(void)
{
    (void)!mailbox_run(&node.mailbox, &node, UINT_MAX);
}

/* How many sessions this hub was told to close. */
static unsigned run_hub(unsigned hub)
{
    unsigned count = 0;

    for (struct note *note = mailbox_take(&loops[hub]), *next; note; note = next) {
        next = note->next;
        note->run(note, NULL);
        count++;
    }
    return count;
}

TEST(the_oldest_of_the_same_user_and_tenant_is_replaced)
{
    struct seat *seats[4], *other, *stranger;

    begin(2);
    seats[0] = join(0, "t", "ann");
    seats[1] = join(1, "t", "ann");
    other = join(2, "t", "bob");
    stranger = join(2, "u", "ann");
    run_bus();
    for (unsigned i = 0; i < HUBS; i++)
        CHECK_EQ(run_hub(i), 0);
    seats[2] = join(2, "t", "ann");
    run_bus();
    CHECK_EQ(run_hub(0), 1);
    CHECK_EQ(run_hub(1), 0);
    seats[3] = join(0, "t", "ann");
    run_bus();
    CHECK_EQ(run_hub(1), 1);
    for (unsigned i = 0; i < 4; i++)
        seats_part(&node.hubs[0], seats[i]);
    seats_part(&node.hubs[0], other);
    seats_part(&node.hubs[0], stranger);
    end();
}

TEST(who_leaves_makes_room)
{
    struct seat *first, *second, *third;

    begin(2);
    first = join(0, "t", "ann");
    second = join(1, "t", "ann");
    seats_part(&node.hubs[0], first);
    third = join(2, "t", "ann");
    run_bus();
    for (unsigned i = 0; i < HUBS; i++)
        CHECK_EQ(run_hub(i), 0);
    seats_part(&node.hubs[1], second);
    seats_part(&node.hubs[2], third);
    end();
}

TEST(one_that_leaves_while_it_is_being_replaced_is_not_lost_or_freed_twice)
{
    struct seat *first, *second;

    begin(1);
    first = join(0, "t", "ann");
    second = join(1, "t", "ann");
    run_bus(); /* the note to the first is on its way */
    seats_part(&node.hubs[0], first);
    run_bus();
    CHECK_EQ(run_hub(0), 1);
    run_bus();
    seats_part(&node.hubs[1], second);
    end();
}
