/* SPDX-License-Identifier: Apache-2.0 */
/* test_mail.c: what came together leaves together; what takes away passes by what waits. */
#include "server/mail.h"

#include "net/net_stage.h"

#define MANY 1300

static struct net_stage s;
static struct far_end many[MANY], loser;

struct news {
    struct note note;
    uint64_t n;
    unsigned ran; /* when, among all */
};

static struct news news[STAGE_PAST_MAX];
static unsigned ran;

static void announce_run(struct note *note, void *context)
{
    struct news *one = container_of(note, struct news, note);

    CHECK(context == s.stage.hub);
    one->ran = ++ran;
    stage_announce(&s.stage, one->n);
}

static void effect_run(struct note *note, void *context)
{
    struct news *one = container_of(note, struct news, note);

    (void)context;
    one->ran = ++ran;
    stage_effect(&s.stage, one->n);
}

static void put(uint64_t n, void (*run)(struct note *note, void *context), bool urgent)
{
    news[n] = (struct news){.note = {.run = run, .urgent = urgent}, .n = n};
    mailbox_put(&s.mailbox, &news[n].note);
}

static void put_events(unsigned count, size_t size)
{
    for (unsigned i = 0; i < count; i++)
        put(stage_append(&s.stage, (struct sample){EVENT_POLICY_UPDATED, .json_size = size}),
            announce_run, false);
}

/* Of all but the loser. */
static unsigned told(unsigned count, uint64_t n)
{
    char words[32];
    unsigned had = 0;

    snprintf(words, sizeof words, "\"e%llu\"", (unsigned long long)n);
    for (unsigned i = 0; i < count; i++)
        had += far_end_count(&many[i], words);
    return had;
}

static void open_many(unsigned count)
{
    ran = 0;
    net_stage_open(&s);
    for (unsigned i = 0; i < count; i++)
        far_end_sign_in(&many[i], &s, "root");
    /* The first event makes the log grow, and waits for nobody. */
    put_events(1, 100);
    for (unsigned i = 0; i < 4; i++)
        net_stage_turn(&s);
    CHECK_EQ(told(count, 1), count);
    CHECK(!s.mail.full && ran == 1);
}

static void close_many(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        far_end_close(&many[i]);
    net_stage_close(&s);
}

TEST(a_batch_over_several_turns_is_told_when_all_of_it_was_read)
{
    unsigned turns = 0;

    open_many(MANY);
    put_events(16, 100);
    while (ran < 17) {
        CHECK_EQ(told(MANY, 2), 0); /* 16 * 1,300 receivers are more than one turn's */
        net_stage_turn(&s);
        CHECK(++turns < 16);
    }
    CHECK_EQ(turns, 3);
    CHECK_EQ(told(MANY, 2), 512); /* in the turn that ended the batch, and each has all */
    CHECK_EQ(told(MANY, 17), 512);
    net_stage_turn(&s);
    net_stage_turn(&s);
    CHECK_EQ(told(MANY, 17), MANY);
    close_many(MANY);
}

TEST(what_comes_while_many_are_told_is_read_between_two_slices)
{
    open_many(MANY);
    put_events(1, 100);
    net_stage_turn(&s);
    CHECK_EQ(told(MANY, 2), 512);
    put_events(1, 100);
    net_stage_turn(&s);
    CHECK_EQ(ran, 3);
    CHECK_EQ(told(MANY, 2), 1024);
    CHECK_EQ(told(MANY, 3), 512);
    for (unsigned i = 0; i < 3; i++)
        net_stage_turn(&s);
    CHECK_EQ(told(MANY, 3), MANY);
    close_many(MANY);
}

/* 40 events of 6 KB are four segments of the log: almost all that an outbox may hold. */
TEST(more_than_outboxes_hold_waits_until_everybody_was_told)
{
    unsigned before = 0;

    open_many(600);
    put_events(40, 6000);
    for (unsigned turn = 0; turn < 60 && ran < 41; turn++) {
        bool full = s.mail.full && !net_has_served(s.net, s.mail.served_upto);

        net_stage_turn(&s);
        if (full && !net_has_served(s.net, s.mail.served_upto))
            CHECK_EQ(ran, before);
        before = ran;
        for (unsigned i = 0; i < 600; i++) { /* they read well */
            many[i].size = 0;
            while (recv(many[i].fd, s.net->buffer, sizeof s.net->buffer, 0) > 0)
                ;
        }
    }
    CHECK_EQ(ran, 41);
    CHECK_EQ(hub_counters(s.stage.hub)->closes[CLOSE_SLOW_CONSUMER], 0);
    close_many(600);
}

TEST(what_takes_access_away_passes_by_the_news_that_wait)
{
    uint64_t n;

    open_many(MANY);
    far_end_sign_in(&loser, &s, "loser");
    put_events(14, 100);
    n = stage_append(&s.stage, (struct sample){EVENT_USER_DELETED, .target = "loser"});
    put(n, effect_run, true);
    net_stage_turn(&s);
    CHECK_EQ(news[n].ran, 2);
    CHECK(ran < 16);
    CHECK_EQ(told(MANY, 2), 0);
    put(n, announce_run, false);
    for (unsigned i = 0; i < 8; i++)
        net_stage_turn(&s);
    CHECK_EQ(told(MANY, n), MANY);
    CHECK_EQ(far_end_count(&loser, "\"e2\""), 0); /* it was of them no more */
    CHECK_EQ(far_end_count(&loser, "\"e16\""), 1);
    far_end_close(&loser);
    close_many(MANY);
}

TEST(an_effect_is_applied_while_the_mail_is_full)
{
    uint64_t n;

    open_many(600);
    far_end_sign_in(&loser, &s, "loser");
    put_events(40, 6000);
    while (!s.mail.full)
        net_stage_turn(&s);
    CHECK(!net_has_served(s.net, s.mail.served_upto));
    n = stage_append(&s.stage, (struct sample){EVENT_USER_DELETED, .target = "loser"});
    put(n, effect_run, true);
    net_stage_turn(&s);
    CHECK(news[n].ran > 0 && news[41].ran == 0);
    for (unsigned turn = 0; turn < 60 && ran < 42; turn++) {
        net_stage_turn(&s);
        for (unsigned i = 0; i < 600; i++)
            while (recv(many[i].fd, s.net->buffer, sizeof s.net->buffer, 0) > 0)
                ;
        while (recv(loser.fd, s.net->buffer, sizeof s.net->buffer, 0) > 0)
            ;
    }
    put(n, announce_run, false);
    net_stage_turn(&s);
    CHECK_EQ(ran, 43);
    far_end_close(&loser);
    close_many(600);
}
