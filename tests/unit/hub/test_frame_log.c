/* SPDX-License-Identifier: Apache-2.0 */
/* test_frame_log.c: frames stand back to back, start over when nobody waits, and are counted. */
#include "hub/outbox.h"
#include "model/limits.h"
#include "unit.h"

static struct run append(struct frame_log *log, size_t size, char fill)
{
    struct run run;
    char *frame = frame_log_append(log, size, &run);

    CHECK(frame != NULL);
    CHECK_EQ(run.to - run.from, size);
    CHECK(frame == run.segment->data + run.from);
    memset(frame, fill, size);
    return run;
}

TEST(frames_that_somebody_waits_for_stand_back_to_back)
{
    struct frame_pool pool;
    struct frame_log log;
    struct run first, second;

    frame_pool_init(&pool);
    frame_log_init(&log, &pool);
    first = append(&log, 100, 'a');
    segment_ref(first.segment);
    second = append(&log, 50, 'b');
    CHECK(second.segment == first.segment);
    CHECK_EQ(second.from, first.to);
    CHECK_EQ(first.segment->data[99], 'a');
    CHECK_EQ(second.segment->data[100], 'b');
    segment_unref(first.segment);
    frame_log_done(&log);
    frame_pool_done(&pool);
}

TEST(a_frame_log_starts_over_when_nobody_waits)
{
    struct frame_pool pool;
    struct frame_log log;
    struct run run, again;
    size_t bytes;

    frame_pool_init(&pool);
    frame_log_init(&log, &pool);
    run = append(&log, 1000, 'a');
    bytes = pool.bytes;
    for (int i = 0; i < 1000; i++) { /* far more than a segment, and no memory moves */
        again = append(&log, 1000, 'b');
        CHECK(again.segment == run.segment);
        CHECK_EQ(again.from, 0);
        CHECK_EQ(pool.bytes, bytes);
    }
    segment_ref(run.segment); /* now somebody waits */
    CHECK_EQ(append(&log, 1000, 'c').from, 1000);
    segment_unref(run.segment);
    CHECK_EQ(append(&log, 1000, 'd').from, 0);
    frame_log_done(&log);
    frame_pool_done(&pool);
}

TEST(a_full_segment_lives_on_for_those_who_wait_for_it)
{
    struct frame_pool pool;
    struct frame_log log;
    struct run old, fresh;

    frame_pool_init(&pool);
    frame_log_init(&log, &pool);
    old = append(&log, SEGMENT_SIZE - 10, 'a');
    segment_ref(old.segment);
    fresh = append(&log, 11, 'b');
    CHECK(fresh.segment != old.segment);
    CHECK_EQ(fresh.from, 0);
    CHECK_EQ(old.segment->refs, 1); /* the waiting one's only */
    CHECK_EQ(old.segment->data[0], 'a');
    CHECK(pool.bytes >= 2 * SEGMENT_SIZE);
    segment_unref(old.segment);
    CHECK(pool.bytes < 2 * SEGMENT_SIZE);
    frame_log_done(&log);
    frame_pool_done(&pool);
}

TEST(a_frame_that_just_fits_stays_in_its_segment)
{
    struct frame_pool pool;
    struct frame_log log;
    struct run first, last;

    frame_pool_init(&pool);
    frame_log_init(&log, &pool);
    first = append(&log, SEGMENT_SIZE - 10, 'a');
    segment_ref(first.segment);
    last = append(&log, 10, 'b');
    CHECK(last.segment == first.segment);
    CHECK_EQ(last.to, SEGMENT_SIZE);
    segment_unref(first.segment);
    frame_log_done(&log);
    frame_pool_done(&pool);
}

TEST(a_frame_larger_than_a_segment_gets_one_of_its_own_size)
{
    struct frame_pool pool;
    struct frame_log log;
    struct run large, small;

    frame_pool_init(&pool);
    frame_log_init(&log, &pool);
    large = append(&log, SEGMENT_SIZE + 5000, 'a');
    CHECK_EQ(large.segment->size, SEGMENT_SIZE + 5000);
    segment_ref(large.segment);
    small = append(&log, 10, 'b');
    CHECK(small.segment != large.segment);
    CHECK_EQ(small.segment->size, SEGMENT_SIZE);
    segment_unref(large.segment);
    frame_log_done(&log);
    frame_pool_done(&pool);
}

TEST(logs_of_one_pool_are_summed)
{
    struct frame_pool pool;
    struct frame_log a, b;

    frame_pool_init(&pool);
    frame_log_init(&a, &pool);
    frame_log_init(&b, &pool);
    append(&a, 10, 'a');
    append(&b, 10, 'b');
    CHECK_EQ(pool.bytes, 2 * (SEGMENT_SIZE + sizeof(struct segment)));
    frame_log_done(&a);
    CHECK_EQ(pool.bytes, SEGMENT_SIZE + sizeof(struct segment));
    frame_log_done(&b);
    frame_log_done(&b); /* done twice: fine */
    frame_pool_done(&pool);
}
