/* SPDX-License-Identifier: Apache-2.0 */
/* test_broadcast.c: the effect reaches every hub before the news, and slices are whole and bounded. */
#include "node/broadcast.h"

#include "base/random.h"
#include "sample_event.h"

#define EPOCH UINT64_C(4711)
#define HUBS_MAX 5
#define ENTRIES_MAX 400

/* What was sent to whom, and what the rules are about it. */
struct stage {
    unsigned hubs;
    struct history *history;
    struct broadcast *broadcast;
    uint64_t n; /* given */
    bool fenced[ENTRIES_MAX];
    uint64_t effect_sent[ENTRIES_MAX][HUBS_MAX]; /* its serial */
    bool effect_done[ENTRIES_MAX][HUBS_MAX];
    uint64_t announced[HUBS_MAX], announced_all;
    struct resume_answer answer; /* the last one */
    struct entry entries[CATCHUP_SLICE_EVENTS];
    unsigned answers, answered_hub, tellings;
    uint64_t serial; /* of the last effect without a number */
    char told[256];
};

static struct stage stage;
static const uint8_t seed[16] = {9};

/* What else the hubs were told, in order: one letter and a number each, as hub 0 got it. */
static void note(unsigned hub, char letter, uint64_t number)
{
    size_t size = strlen(stage.told);

    CHECK(hub < stage.hubs);
    if (hub == 0)
        snprintf(stage.told + size, sizeof stage.told - size, "%c%llu ", letter,
                 (unsigned long long)number);
    stage.tellings++;
}

static void on_effect(void *owner, unsigned hub, const struct entry *entry, uint64_t serial)
{
    CHECK(owner == &stage && hub < stage.hubs);
    if (entry->n == 0) {
        note(hub, serial ? 'e' : 'E', entry->alone);
        stage.serial = serial;
        return;
    }
    CHECK(serial > 0 && stage.fenced[entry->n]);
    CHECK(!stage.effect_sent[entry->n][hub]); /* once */
    stage.effect_sent[entry->n][hub] = serial;
}

static void on_forget_alone(void *owner, unsigned hub, uint64_t alone)
{
    CHECK(owner == &stage);
    note(hub, 'f', alone);
}

static void on_gone(void *owner, unsigned hub, const struct entry *entry)
{
    CHECK(owner == &stage);
    note(hub, 'g', entry->n);
}

static void on_rebase(void *owner, unsigned hub, const struct position *head, bool lost)
{
    CHECK(owner == &stage);
    note(hub, lost ? 'R' : 'r', head->n);
    stage.announced[hub] = stage.announced_all = head->n;
}

static void on_announce(void *owner, unsigned hub, const struct entry *entry)
{
    CHECK(owner == &stage && hub < stage.hubs);
    if (entry->n == 0) {
        note(hub, 'a', entry->alone);
        return;
    }
    CHECK_EQ(entry->n, stage.announced[hub] + 1);
    stage.announced[hub] = entry->n;
    for (unsigned other = 0; other < stage.hubs; other++)
        CHECK(!entry->event->has_fence || stage.effect_done[entry->n][other]);
    CHECK_EQ(history_head(stage.history).n, entry->n); /* whoever resumes now finds it */
}

static void on_answer(void *owner, unsigned hub, const struct resume_answer *answer)
{
    CHECK(owner == &stage && answer->entries_count <= CATCHUP_SLICE_EVENTS);
    stage.answers++;
    stage.answered_hub = hub;
    stage.answer = *answer;
    if (answer->entries_count > 0)
        memcpy(stage.entries, answer->entries, answer->entries_count * sizeof *answer->entries);
}

static void on_announced(void *owner, const struct entry *entry)
{
    CHECK(owner == &stage);
    if (entry->n == 0)
        return;
    CHECK_EQ(entry->n, stage.announced_all + 1);
    stage.announced_all = entry->n;
    for (unsigned hub = 0; hub < stage.hubs; hub++)
        CHECK_EQ(stage.announced[hub], entry->n);
}

static void begin(unsigned hubs, struct history_limits limits)
{
    struct broadcast_port port = {.effect = on_effect,
                                  .announce = on_announce,
                                  .forget_alone = on_forget_alone,
                                  .gone = on_gone,
                                  .rebase = on_rebase,
                                  .answer = on_answer,
                                  .announced = on_announced,
                                  .owner = &stage};

    memset(&stage, 0, sizeof stage);
    stage.hubs = hubs;
    CHECK_EQ(history_new(&stage.history, EPOCH, &limits, seed), 0);
    CHECK_EQ(broadcast_new(&stage.broadcast, hubs, stage.history, &port), 0);
}

static void begin_wide(unsigned hubs)
{
    begin(hubs, (struct history_limits){1000000, SIZE_MAX, INT64_MAX / 4});
}

static void end(void)
{
    broadcast_free(stage.broadcast);
    history_free(stage.history);
}

static uint64_t check_of(uint64_t n)
{
    return n == 0 ? 0 : n ^ 0x5555;
}

static void put_back(struct sample sample, uint64_t alone)
{
    struct entry entry = {.n = stage.n + 1, .check = check_of(stage.n + 1), .alone = alone};

    entry.event = sample_event(sample);
    if (entry.n < ENTRIES_MAX)
        stage.fenced[entry.n] = entry.event->has_fence;
    stage.n = entry.n;
    CHECK_EQ(broadcast_reserve(stage.broadcast, 1), 0);
    broadcast_entry(stage.broadcast, &entry);
    event_unref(entry.event);
}

static void put(struct sample sample)
{
    put_back(sample, 0);
}

static void put_news(void)
{
    put((struct sample){.type = EVENT_USER_UPDATED, .user = "ann"});
}

static void put_fence(void)
{
    put((struct sample){.type = EVENT_USER_DELETED, .target = "ann"});
}

static void answer_effect(unsigned hub, uint64_t n)
{
    CHECK(stage.effect_sent[n][hub]);
    stage.effect_done[n][hub] = true;
    broadcast_effect_done(stage.broadcast, hub, stage.effect_sent[n][hub]);
}

TEST(news_without_effect_is_announced_at_once)
{
    begin_wide(3);
    put_news();
    CHECK_EQ(stage.announced_all, 1);
    put_news();
    CHECK_EQ(stage.announced_all, 2);
    CHECK_EQ(broadcast_waiting(stage.broadcast), 0);
    end();
}

TEST(an_effect_waits_for_every_hub_and_everything_behind_waits_with_it)
{
    begin_wide(3);
    put_news();
    put_fence();
    put_news();
    put_news();
    CHECK_EQ(stage.announced_all, 1);
    CHECK_EQ(broadcast_waiting(stage.broadcast), 3);
    answer_effect(2, 2);
    answer_effect(0, 2);
    CHECK_EQ(stage.announced_all, 1);
    CHECK_EQ(history_head(stage.history).n, 1); /* nobody finds it by resuming either */
    answer_effect(1, 2);
    CHECK_EQ(stage.announced_all, 4);
    CHECK_EQ(broadcast_waiting(stage.broadcast), 0);
    end();
}

TEST(a_later_effect_that_is_answered_first_still_waits_for_its_turn)
{
    begin_wide(2);
    put_fence();
    put_fence();
    put_news();
    answer_effect(0, 2);
    answer_effect(1, 2);
    CHECK_EQ(stage.announced_all, 0);
    answer_effect(1, 1);
    CHECK_EQ(stage.announced_all, 0);
    answer_effect(0, 1);
    CHECK_EQ(stage.announced_all, 3);
    end();
}

TEST(an_instance_without_hubs_waits_for_nobody)
{
    begin_wide(0);
    put_fence();
    put_news();
    CHECK_EQ(stage.announced_all, 2);
    end();
}

/* Entries and answers in any order that mailboxes could bring; the checks stand in the port. */
TEST(effects_come_before_news_whatever_the_order_of_the_answers)
{
    uint64_t run_seed = 20260106;
    struct random random = random_seeded(&run_seed);

    for (unsigned hubs = 1; hubs <= HUBS_MAX; hubs++) {
        uint64_t answered[HUBS_MAX] = {0}; /* a hub answers its effects in the order it got them */

        begin_wide(hubs);
        while (stage.n < 300 || stage.announced_all < stage.n) {
            uint32_t roll[2];
            unsigned hub;

            random.fill(random.owner, roll, sizeof roll);
            if (roll[0] % 4 == 0 && stage.n < 300) {
                if (roll[1] % 3)
                    put_news();
                else
                    put_fence();
                continue;
            }
            hub = roll[1] % hubs;
            for (uint64_t n = answered[hub] + 1; n <= stage.n; n++) {
                answered[hub] = n;
                if (stage.fenced[n]) {
                    answer_effect(hub, n);
                    break;
                }
            }
        }
        CHECK_EQ(broadcast_waiting(stage.broadcast), 0);
        CHECK_EQ(history_head(stage.history).n, 300);
        end();
    }
}

TEST(what_still_waits_is_given_back_at_the_end)
{
    begin_wide(2);
    CHECK_EQ(broadcast_reserve(stage.broadcast, 10), 0);
    put_fence();
    put_news();
    answer_effect(0, 1);
    end(); /* the sanitizer would tell */
}

static void ask(uint64_t from_n, bool first, const char *user)
{
    char room[AUDIENCE_KEY_MAX];
    struct bytes key = {room, audience_key_write(room, AUDIENCE_USER, BYTES(""), bytes_of(user))};
    struct resume_request request = {
        .hub_index = 1,
        .session = 42,
        .serial = 7,
        .first = first,
        .from = {EPOCH, from_n, check_of(from_n)},
        .keys_count = 1,
        .keys = &key,
    };
    unsigned before = stage.answers;

    broadcast_resume(stage.broadcast, &request);
    CHECK_EQ(stage.answers, before + 1);
    CHECK_EQ(stage.answered_hub, 1);
    CHECK_EQ(stage.answer.session, 42);
    CHECK_EQ(stage.answer.serial, 7);
}

TEST(a_slice_has_a_bounded_count_and_the_next_one_goes_on)
{
    uint64_t from = 0, next = 1;

    begin_wide(2);
    for (unsigned i = 0; i < 2 * CATCHUP_SLICE_EVENTS + 10; i++)
        put_news();
    for (int turn = 0; turn < 3; turn++) {
        ask(from, turn == 0, "ann");
        CHECK_EQ(stage.answer.outcome, RESUME_SLICE);
        CHECK_EQ(stage.answer.entries_count, turn < 2 ? CATCHUP_SLICE_EVENTS : 10);
        for (unsigned i = 0; i < stage.answer.entries_count; i++)
            CHECK_EQ(stage.entries[i].n, next++);
        CHECK_EQ(stage.answer.upto.n, next - 1);
        CHECK_EQ(stage.answer.upto.check, check_of(next - 1));
        CHECK_EQ(stage.answer.upto.epoch, EPOCH);
        from = stage.answer.upto.n;
    }
    CHECK_EQ(from, stage.n);
    end();
}

TEST(a_slice_has_bounded_bytes_but_never_none)
{
    begin_wide(2);
    for (int i = 0; i < 10; i++)
        put((struct sample){.type = EVENT_USER_UPDATED, .user = "ann", .json_size = 40000});
    ask(0, true, "ann");
    CHECK_EQ(stage.answer.entries_count, 2); /* 80 of 96 KiB */
    CHECK_EQ(stage.answer.upto.n, 2);
    for (int i = 0; i < 2; i++)
        put((struct sample){.type = EVENT_USER_UPDATED,
                            .user = "ben",
                            .json_size = CATCHUP_SLICE_BYTES + 1000});
    ask(2, true, "ben");
    CHECK_EQ(stage.answer.entries_count, 1); /* larger than a slice, and alone in it */
    CHECK_EQ(stage.answer.upto.n, 11);
    ask(11, true, "ben");
    CHECK_EQ(stage.answer.entries_count, 1);
    CHECK_EQ(stage.answer.upto.n, 12);
    end();
}

TEST(a_slice_of_nothing_speaks_for_everything_up_to_the_head)
{
    begin_wide(2);
    put_news();
    put_news();
    ask(0, true, "stranger");
    CHECK_EQ(stage.answer.outcome, RESUME_SLICE);
    CHECK_EQ(stage.answer.entries_count, 0);
    CHECK_EQ(stage.answer.upto.n, 2);
    CHECK_EQ(stage.answer.upto.check, check_of(2));
    ask(2, true, "ann");
    CHECK_EQ(stage.answer.entries_count, 0);
    CHECK_EQ(stage.answer.upto.n, 2);
    end();
}

TEST(what_is_evicted_is_lost_and_what_is_to_come_is_ahead)
{
    begin(2, (struct history_limits){5, SIZE_MAX, INT64_MAX / 4});
    for (int i = 0; i < 20; i++)
        put_news();
    ask(14, true, "ann");
    CHECK_EQ(stage.answer.outcome, RESUME_LOST);
    ask(15, true, "ann");
    CHECK_EQ(stage.answer.outcome, RESUME_SLICE);
    CHECK_EQ(stage.answer.entries_count, 5);
    ask(14, false, "ann"); /* in the middle of a catch-up as well */
    CHECK_EQ(stage.answer.outcome, RESUME_LOST);
    ask(21, true, "ann");
    CHECK_EQ(stage.answer.outcome, RESUME_AHEAD);
    end();
}

TEST(beyond_the_ceiling_of_entries_the_first_question_is_lost_and_a_later_one_is_not)
{
    begin_wide(2);
    for (unsigned i = 0; i < CATCHUP_ENTRIES_MAX; i++)
        put_news();
    ask(0, true, "ann");
    CHECK_EQ(stage.answer.outcome, RESUME_SLICE);
    put_news();
    ask(0, true, "ann");
    CHECK_EQ(stage.answer.outcome, RESUME_LOST);
    CHECK_EQ(stage.answer.entries_count, 0); /* never a partial answer */
    ask(0, true, "stranger");                /* what others have does not count */
    CHECK_EQ(stage.answer.outcome, RESUME_SLICE);
    ask(0, false, "ann");
    CHECK_EQ(stage.answer.outcome, RESUME_SLICE);
    end();
}

static struct entry alone(struct sample sample, uint64_t serial)
{
    struct entry entry = {.event = sample_event(sample), .alone = serial};

    CHECK_EQ(broadcast_reserve(stage.broadcast, 1), 0);
    broadcast_alone(stage.broadcast, &entry);
    return entry;
}

static const struct sample news = {.type = EVENT_USER_UPDATED, .user = "ann"};

TEST(what_is_delivered_alone_is_announced_in_its_turn_and_is_not_history)
{
    begin_wide(2);
    put_fence();
    event_unref(alone(news, 1).event);
    assert_string_equal(stage.told, "");
    answer_effect(0, 1);
    answer_effect(1, 1);
    assert_string_equal(stage.told, "a1 ");
    CHECK_EQ(stage.tellings, 2);
    CHECK_EQ(history_head(stage.history).n, 1);
    end();
}

TEST(an_effect_that_is_delivered_alone_is_awaited_by_its_serial)
{
    begin_wide(2);
    event_unref(alone((struct sample){.type = EVENT_USER_DELETED, .target = "ann"}, 1).event);
    event_unref(alone(news, 2).event);
    put_news();
    assert_string_equal(stage.told, "e1 ");
    CHECK_EQ(stage.announced_all, 0);
    broadcast_effect_done(stage.broadcast, 0, stage.serial);
    broadcast_effect_done(stage.broadcast, 1, 0); /* of what was enforced out of turn */
    assert_string_equal(stage.told, "e1 ");
    broadcast_effect_done(stage.broadcast, 1, stage.serial);
    assert_string_equal(stage.told, "e1 a1 a2 ");
    CHECK_EQ(stage.announced_all, 1);
    end();
}

TEST(what_comes_back_is_history_and_keeps_the_serial_it_was_delivered_under)
{
    begin_wide(2);
    event_unref(alone(news, 1).event);
    put_back(news, 1);
    CHECK_EQ(stage.announced_all, 1);
    CHECK_EQ(history_at(stage.history, 1)->alone, 1);
    ask(0, true, "ann");
    CHECK_EQ(stage.answer.entries_count, 1);
    CHECK_EQ(stage.entries[0].alone, 1);
    end();
}

TEST(what_is_enforced_waits_for_nobody)
{
    struct event *event =
        sample_event((struct sample){.type = EVENT_USER_DELETED, .target = "ann"});

    begin_wide(2);
    put_fence();
    broadcast_enforce(stage.broadcast, event);
    assert_string_equal(stage.told, "E0 ");
    CHECK_EQ(stage.tellings, 2);
    CHECK_EQ(broadcast_waiting(stage.broadcast), 1);
    event_unref(event);
    end();
}

/* It ended those connections when this instance delivered it; there may be new ones since. */
TEST(a_disconnection_that_comes_back_has_no_effect_again_and_a_fence_has)
{
    struct control_fields fields = {.control = CONTROL_DISCONNECT,
                                    .id = BYTES("c"),
                                    .tenant = BYTES(""),
                                    .publisher = BYTES(""),
                                    .user = BYTES("ann")};
    struct entry entry = {.n = 1, .alone = 1};

    begin_wide(1);
    CHECK_EQ(event_new_control(&entry.event, &fields, BYTES("{}")), 0);
    CHECK_EQ(broadcast_reserve(stage.broadcast, 2), 0);
    broadcast_alone(stage.broadcast, &(struct entry){.event = entry.event, .alone = 1});
    assert_string_equal(stage.told, "e1 ");
    broadcast_effect_done(stage.broadcast, 0, stage.serial);
    broadcast_entry(stage.broadcast, &entry);
    CHECK_EQ(stage.announced_all, 1);
    assert_string_equal(stage.told, "e1 a1 ");
    event_unref(entry.event);
    stage.n = 1;
    put_back((struct sample){.type = EVENT_USER_DELETED, .target = "ann"}, 2);
    CHECK_EQ(stage.announced_all, 1);
    answer_effect(0, 2);
    CHECK_EQ(stage.announced_all, 2);
    end();
}

static void put_past(uint64_t n, uint64_t serial)
{
    struct entry entry = {.event = sample_event(news),
                          .n = n,
                          .check = check_of(n),
                          .alone = serial};

    CHECK_EQ(broadcast_reserve(stage.broadcast, 1), 0);
    broadcast_past(stage.broadcast, &entry);
    event_unref(entry.event);
    stage.n = n;
}

TEST(forgetting_loss_and_a_new_place_wait_for_their_turn)
{
    begin_wide(2);
    put_news();
    event_unref(alone(news, 1).event);
    put_fence();
    CHECK_EQ(broadcast_reserve(stage.broadcast, 3), 0);
    broadcast_forget_alone(stage.broadcast, 1);
    broadcast_gone(stage.broadcast, history_at(stage.history, 1));
    CHECK_EQ(broadcast_at(stage.broadcast, 2)->n, 2); /* though it waits */
    broadcast_rebase(stage.broadcast, &(struct position){EPOCH, 1, check_of(1)}, true);
    CHECK(!broadcast_at(stage.broadcast, 2));
    assert_string_equal(stage.told, "a1 ");
    ask(0, true, "ann"); /* of what it was before */
    CHECK_EQ(stage.answer.outcome, RESUME_SLICE);
    answer_effect(0, 2);
    answer_effect(1, 2);
    assert_string_equal(stage.told, "a1 f1 g1 R1 ");
    CHECK_EQ(history_count(stage.history), 0);
    stage.n = 1;
    stage.effect_sent[2][0] = stage.effect_sent[2][1] = 0;
    put_news();
    CHECK_EQ(stage.announced_all, 2);
    end();
}

TEST(a_past_is_loaded_before_the_hubs_go_on_behind_it)
{
    const struct position first = {EPOCH + 1, 10, check_of(10)},
                          last = {EPOCH + 1, 12, check_of(12)};

    begin_wide(2);
    put_news();
    event_unref(alone(news, 1).event);
    CHECK_EQ(broadcast_reserve(stage.broadcast, 1), 0);
    broadcast_reset(stage.broadcast, &first);
    put_past(11, 0);
    ask(1, true, "ann"); /* cannot be judged yet: the hub asks again after hub_rebase */
    CHECK_EQ(stage.answer.outcome, RESUME_REBASE);
    CHECK_EQ(stage.answer.entries_count, 0);
    put_past(12, 1); /* which was delivered alone, and is found there now */
    CHECK_EQ(stage.announced_all, 1);
    CHECK_EQ(broadcast_reserve(stage.broadcast, 1), 0);
    broadcast_rebase(stage.broadcast, &last, false);
    assert_string_equal(stage.told, "a1 f1 r12 ");
    CHECK_EQ(history_count(stage.history), 2);
    CHECK_EQ(history_head(stage.history).epoch, EPOCH + 1);
    put_news();
    CHECK_EQ(stage.announced_all, 13);
    CHECK_EQ(broadcast_at(stage.broadcast, 13)->n, 13);
    ask(11, true, "ann"); /* of the former epoch */
    CHECK_EQ(stage.answer.outcome, RESUME_LOST);
    end();
}
