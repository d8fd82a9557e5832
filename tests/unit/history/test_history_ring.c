/* SPDX-License-Identifier: Apache-2.0 */
/* test_history_ring.c: what is retained, what a client may continue from, and what a query finds. */
#include "base/random.h"
#include "history/history.h"
#include "sample_event.h"

/* Events are numbered from 1; the id of the event at n is "e<n>" and its time 1000 * n. */
#define EPOCH UINT64_C(0xfeedface)
#define KEY_ROOM 64

static const uint8_t seed[16] = {2, 7, 1};
static const struct history_limits wide = {1000000, SIZE_MAX, INT64_MAX / 4};

static struct history *history_with(struct history_limits limits)
{
    struct history *history;

    CHECK_EQ(history_new(&history, EPOCH, &limits, seed), 0);
    return history;
}

static uint64_t check_of(uint64_t n)
{
    return n == 0 ? 0 : n * 31 + 5;
}

static void append(struct history *history, struct sample sample)
{
    struct entry entry = {.n = history_head(history).n + 1};
    char id[32];

    snprintf(id, sizeof id, "e%llu", (unsigned long long)entry.n);
    sample.id = id;
    if (sample.time_ms == 0)
        sample.time_ms = (int64_t)entry.n * 1000;
    entry.check = check_of(entry.n);
    entry.event = sample_event(sample);
    CHECK_EQ(history_append(history, &entry), 0);
    event_unref(entry.event);
}

static void append_many(struct history *history, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        append(history, (struct sample){.type = EVENT_ACCESS_DENIED, .user = "u"});
}

static enum history_place locate(const struct history *history, uint64_t epoch, uint64_t n,
                                 uint64_t check)
{
    struct position position = {epoch, n, check};

    return history_locate(history, &position);
}

static struct bytes key(char room[KEY_ROOM], enum audience_kind kind, const char *tenant,
                        const char *name)
{
    return (struct bytes){room, audience_key_write(room, kind, bytes_of(tenant), bytes_of(name))};
}

TEST(history_keeps_at_most_its_count)
{
    struct history *history = history_with((struct history_limits){10, SIZE_MAX, INT64_MAX / 4});

    append_many(history, 10);
    CHECK_EQ(history_count(history), 10);
    CHECK(history_at(history, 1) != NULL);
    append_many(history, 100);
    CHECK_EQ(history_count(history), 10);
    CHECK_EQ(history_head(history).n, 110);
    CHECK(history_at(history, 100) == NULL);
    CHECK_EQ(history_at(history, 101)->n, 101);
    CHECK_TEXT(history_at(history, 110)->event->id, "e110");
    CHECK(history_at(history, 111) == NULL);
    CHECK(history_at(history, 0) == NULL);
    history_free(history);
}

TEST(history_of_no_events_still_counts_them)
{
    struct history *history = history_with((struct history_limits){0, SIZE_MAX, INT64_MAX / 4});

    append_many(history, 5);
    CHECK_EQ(history_count(history), 0);
    CHECK_EQ(history_bytes(history), 0);
    CHECK_EQ(history_head(history).n, 5);
    CHECK_EQ(locate(history, EPOCH, 5, check_of(5)), HISTORY_HERE);
    CHECK_EQ(locate(history, EPOCH, 4, check_of(4)), HISTORY_LOST);
    history_free(history);
}

TEST(history_keeps_at_most_its_bytes)
{
    struct history *history = history_with((struct history_limits){1000, 20000, INT64_MAX / 4});

    for (int i = 0; i < 50; i++) {
        append(history,
               (struct sample){.type = EVENT_ACCESS_DENIED, .user = "u", .json_size = 2000});
        CHECK(history_bytes(history) <= 20000);
    }
    CHECK(history_count(history) >= 5 && history_count(history) <= 10);
    /* One that is larger than all together leaves nothing, and the stream goes on. */
    append(history, (struct sample){.type = EVENT_ACCESS_DENIED, .user = "u", .json_size = 30000});
    CHECK_EQ(history_count(history), 0);
    CHECK_EQ(history_bytes(history), 0);
    append_many(history, 1);
    CHECK_EQ(history_count(history), 1);
    CHECK_EQ(history_head(history).n, 52);
    history_free(history);
}

TEST(history_forgets_by_age)
{
    struct history *history = history_with((struct history_limits){1000, SIZE_MAX, 5000});

    append_many(history, 20); /* at 1000 .. 20000 ms */
    history_expire(history, 6000);
    CHECK_EQ(history_count(history), 20); /* the first is exactly old enough to stay */
    history_expire(history, 6001);
    CHECK_EQ(history_count(history), 19);
    CHECK(history_at(history, 1) == NULL);
    history_expire(history, 15500);
    CHECK_EQ(history_count(history), 10);
    history_expire(history, 100000);
    CHECK_EQ(history_count(history), 0);
    CHECK_EQ(history_bytes(history), 0);
    CHECK_EQ(locate(history, EPOCH, 20, check_of(20)), HISTORY_HERE);
    history_free(history);
}

TEST(history_continues_from_any_retained_place_and_from_the_anchor)
{
    struct history *history = history_with((struct history_limits){10, SIZE_MAX, INT64_MAX / 4});

    CHECK_EQ(locate(history, EPOCH, 0, 0), HISTORY_HERE);
    CHECK_EQ(locate(history, EPOCH, 1, check_of(1)), HISTORY_AHEAD);
    append_many(history, 25); /* 16 .. 25 are there; 15 is the anchor */
    for (uint64_t n = 0; n <= 30; n++)
        CHECK_EQ(locate(history, EPOCH, n, check_of(n)), n < 15   ? HISTORY_LOST
                                                         : n > 25 ? HISTORY_AHEAD
                                                                  : HISTORY_HERE);
    history_free(history);
}

TEST(history_refuses_a_place_of_another_past)
{
    struct history *history = history_with((struct history_limits){10, SIZE_MAX, INT64_MAX / 4});

    CHECK_EQ(locate(history, EPOCH + 1, 0, 0), HISTORY_LOST);
    append_many(history, 25);
    for (uint64_t n = 15; n <= 25; n++) {
        CHECK_EQ(locate(history, EPOCH, n, check_of(n) + 1), HISTORY_LOST);
        CHECK_EQ(locate(history, EPOCH ^ 1, n, check_of(n)), HISTORY_LOST);
    }
    CHECK_EQ(locate(history, EPOCH ^ 1, 99, 0), HISTORY_LOST); /* never AHEAD of another epoch */
    history_free(history);
}

/* Five users and the administrators, each event naming two of them at random: a query over any of
 * the keys, from anywhere, in slices of any size, gives what a plain walk over all gives. */
static void append_random(struct history *history, struct random *random)
{
    static const char *const users[] = {"ann", "ben", "cid", "dan", NULL};
    uint32_t roll[3];

    random->fill(random->owner, roll, sizeof roll);
    append(history, (struct sample){
                        .type = roll[2] % 5 ? EVENT_ROLE_ASSIGNED : EVENT_POLICY_UPDATED,
                        .tenant = roll[2] % 3 ? "one" : "two",
                        .user = users[roll[0] % 5],
                        .target = users[roll[1] % 5],
                    });
}

static bool finds(const struct event *event, const struct history_query *query)
{
    for (unsigned i = 0; i < event->audience_count; i++)
        for (unsigned k = 0; k < query->keys_count; k++)
            if (bytes_equal(event->audience[i].text, query->keys[k]))
                return true;
    return false;
}

static void check_reads(const struct history *history, struct history_query query,
                        unsigned slice_max)
{
    struct entry slice[64];
    uint64_t head = history_head(history).n, upto = query.after_n, next = query.after_n + 1;

    for (int guard = 0; guard < 1000 && upto != head; guard++) {
        unsigned count;

        query.after_n = upto;
        count = history_read(history, &query, slice_max, slice, &upto);
        CHECK(count <= slice_max);
        for (unsigned i = 0; i < count; i++) {
            while (!finds(history_at(history, next)->event, &query))
                next++;
            CHECK_EQ(slice[i].n, next);
            CHECK_EQ(slice[i].check, check_of(next));
            CHECK(slice[i].event == history_at(history, next)->event);
            next++;
        }
        CHECK(upto == head || (count > 0 && upto == slice[count - 1].n));
    }
    CHECK_EQ(upto, head);
    for (; next <= head; next++)
        CHECK(!finds(history_at(history, next)->event, &query));
}

TEST(history_reads_across_keys_in_order_and_each_event_once)
{
    struct history *history = history_with((struct history_limits){300, SIZE_MAX, INT64_MAX / 4});
    uint64_t run_seed = 20260103;
    struct random random = random_seeded(&run_seed);
    char room[4][KEY_ROOM];
    struct bytes keys[] = {
        key(room[0], AUDIENCE_USER, "one", "ann"),
        key(room[1], AUDIENCE_ADMINS, "two", ""),
        key(room[2], AUDIENCE_USER, "one", "cid"),
        key(room[3], AUDIENCE_ROLE, "one", "nobody"),
    };

    for (int i = 0; i < 1000; i++)
        append_random(history, &random);
    for (unsigned keys_count = 0; keys_count <= ARRAY_COUNT(keys); keys_count++)
        for (uint64_t after = 700; after <= 1000; after += 7)
            for (unsigned slice = 1; slice <= 64; slice = slice * 3 + 1)
                check_reads(history, (struct history_query){after, keys, keys_count}, slice);
    history_free(history);
}

TEST(history_counts_what_lies_after_a_place_per_key)
{
    struct history *history = history_with(wide);
    char room[3][KEY_ROOM];
    struct bytes keys[] = {
        key(room[0], AUDIENCE_ADMINS, "", ""),
        key(room[1], AUDIENCE_USER, "", "u"),
        key(room[2], AUDIENCE_USER, "", "stranger"),
    };

    append_many(history, 10);
    append(history, (struct sample){.type = EVENT_POLICY_UPDATED});
    CHECK_EQ(history_count_after(history, &(struct history_query){0, keys, 1}), 11);
    CHECK_EQ(history_count_after(history, &(struct history_query){0, keys, 3}), 21);
    CHECK_EQ(history_count_after(history, &(struct history_query){4, keys + 1, 1}), 6);
    CHECK_EQ(history_count_after(history, &(struct history_query){11, keys, 3}), 0);
    CHECK_EQ(history_count_after(history, &(struct history_query){0, keys + 2, 1}), 0);
    history_free(history);
}

TEST(history_finds_every_permission_event_for_holders_of_a_wildcard)
{
    struct history *history = history_with((struct history_limits){4, SIZE_MAX, INT64_MAX / 4});
    struct policy policy = sample_policy();
    struct sample named = {.type = EVENT_SECURITY_VIOLATION,
                           .tenant = "t",
                           .resource = "doc",
                           .action = "read",
                           .policy = &policy};
    struct sample unnamed = {.type = EVENT_SECURITY_VIOLATION, .tenant = "t", .policy = &policy};
    char room[KEY_ROOM];
    struct bytes any = key(room, AUDIENCE_ANY_PERMISSION, "t", "");
    struct history_query query = {0, &any, 1};
    struct entry slice[8];
    uint64_t upto;

    append(history, named);
    append(history, unnamed); /* names no permission */
    append(history, named);
    CHECK_EQ(history_read(history, &query, 8, slice, &upto), 2);
    CHECK_EQ(slice[0].n, 1);
    CHECK_EQ(slice[1].n, 3);
    CHECK_EQ(upto, 3);
    for (int i = 0; i < 4; i++) /* evicted from that chain, too */
        append(history, unnamed);
    CHECK_EQ(history_count_after(history, &query), 0);
    history_free(history);
}

TEST(history_holds_a_reference_only_as_long_as_it_retains)
{
    struct history *history = history_with((struct history_limits){2, SIZE_MAX, INT64_MAX / 4});
    struct event *event = sample_event((struct sample){.type = EVENT_USER_UPDATED, .user = "u"});
    struct entry entry = {.event = event, .n = 1, .check = check_of(1)};

    CHECK_EQ(history_append(history, &entry), 0);
    CHECK_EQ(atomic_load(&event->refs), 2);
    append_many(history, 2);
    CHECK_EQ(atomic_load(&event->refs), 1);
    event_unref(event);
    history_free(history); /* what it still retains goes with it: the sanitizer would tell */
}

TEST(a_reset_forgets_all_and_goes_on_behind_the_new_head)
{
    const struct position head = {EPOCH + 1, 500, check_of(500)};
    char room[KEY_ROOM];
    struct bytes keys = key(room, AUDIENCE_USER, "", "u");
    struct history_query query = {0, &keys, 1};
    struct history *history = history_with(wide);
    struct entry found[4];
    uint64_t upto_n;

    append_many(history, 100);
    history_reset(history, &head);
    CHECK_EQ(history_count(history), 0);
    CHECK_EQ(history_bytes(history), 0);
    CHECK_EQ(locate(history, EPOCH + 1, 500, check_of(501)), HISTORY_LOST);
    CHECK_EQ(history_count_after(history, &query), 0);
    CHECK_EQ(locate(history, EPOCH, 100, check_of(100)), HISTORY_LOST);
    CHECK_EQ(locate(history, EPOCH + 1, 500, check_of(500)), HISTORY_HERE);
    CHECK_EQ(locate(history, EPOCH + 1, 499, check_of(499)), HISTORY_LOST);
    append_many(history, 3);
    CHECK_EQ(history_head(history).epoch, EPOCH + 1);
    CHECK_EQ(history_read(history, &query, 4, found, &upto_n), 3);
    CHECK_EQ(found[0].n, 501);
    CHECK_EQ(upto_n, 503);
    CHECK_EQ(locate(history, EPOCH + 1, 501, check_of(501)), HISTORY_HERE);
    history_free(history);
}
