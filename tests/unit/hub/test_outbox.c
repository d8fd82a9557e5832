/* SPDX-License-Identifier: Apache-2.0 */
/* test_outbox.c: every byte leaves once and in order, whatever the sends and wherever it is cut. */
#include "hub/outbox.h"

#include "base/random.h"
#include "mcp_auth/error.h"
#include "model/limits.h"
#include "unit.h"
#include "wire/push.h"

#define SCRATCH_SIZE 4096

static char scratch[SCRATCH_SIZE];

/* A whole frame of `size` bytes of text, numbered so that no two are equal. */
static struct run frame_of(struct frame_log *log, size_t size)
{
    static unsigned number;
    char *json = malloc(size), *frame;
    struct run run;

    CHECK(json && size > 0);
    for (size_t i = 0; i < size; i++)
        json[i] = (char)('a' + (number + i) % 26);
    number++;
    frame = frame_log_append(log, push_text_size((struct bytes){json, size}), &run);
    CHECK(frame != NULL);
    push_text_write(frame, (struct bytes){json, size});
    free(json);
    return run;
}

static uint32_t size_of(struct run run)
{
    return run.to - run.from;
}

static struct run push(struct outbox *outbox, struct frame_log *log, size_t size)
{
    struct run run = frame_of(log, size);

    CHECK_EQ(outbox_push(outbox, &run), 0);
    return run;
}

TEST(neighbouring_frames_leave_as_one_run_without_memory)
{
    struct frame_pool pool;
    struct frame_log log;
    struct outbox outbox = {0};
    struct run first;
    struct bytes out;

    frame_pool_init(&pool);
    frame_log_init(&log, &pool);
    CHECK(outbox_empty(&outbox));
    CHECK_EQ(outbox_peek(&outbox, scratch, SCRATCH_SIZE).size, 0);
    first = push(&outbox, &log, 10);
    push(&outbox, &log, 20);
    push(&outbox, &log, 30);
    CHECK(outbox.more == NULL);
    CHECK_EQ(first.segment->refs, 2); /* the log's and one for the whole run */
    out = outbox_peek(&outbox, scratch, SCRATCH_SIZE);
    CHECK(out.data == first.segment->data); /* straight from the log */
    CHECK_EQ(out.size, outbox_bytes(&outbox));
    outbox_sent(&outbox, out.size);
    CHECK(outbox_empty(&outbox));
    CHECK_EQ(outbox_bytes(&outbox), 0);
    CHECK_EQ(first.segment->refs, 1);
    frame_log_done(&log);
    frame_pool_done(&pool);
}

TEST(frames_of_two_logs_are_gathered_into_one_send)
{
    struct frame_pool pool;
    struct frame_log one, two;
    struct outbox outbox = {0};
    struct run a, b, c;
    struct bytes out;

    frame_pool_init(&pool);
    frame_log_init(&one, &pool);
    frame_log_init(&two, &pool);
    a = push(&outbox, &one, 10);
    b = push(&outbox, &two, 20);
    c = push(&outbox, &one, 30);
    out = outbox_peek(&outbox, scratch, SCRATCH_SIZE);
    CHECK(out.data == scratch);
    CHECK_EQ(out.size, size_of(a) + size_of(b) + size_of(c));
    CHECK(memcmp(out.data, a.segment->data + a.from, size_of(a)) == 0);
    CHECK(memcmp(out.data + size_of(a), b.segment->data + b.from, size_of(b)) == 0);
    CHECK(memcmp(out.data + size_of(a) + size_of(b), c.segment->data + c.from, size_of(c)) == 0);
    /* Scratch for two of them: whole runs only. For less than the first: that one from the log. */
    CHECK_EQ(outbox_peek(&outbox, scratch, size_of(a) + size_of(b) + 1).size,
             size_of(a) + size_of(b));
    CHECK(outbox_peek(&outbox, scratch, 3).data == a.segment->data + a.from);
    CHECK_EQ(outbox_peek(&outbox, scratch, 3).size, size_of(a));
    outbox_done(&outbox);
    CHECK(outbox_empty(&outbox) && outbox_bytes(&outbox) == 0 && outbox.more == NULL);
    frame_log_done(&one);
    frame_log_done(&two);
    frame_pool_done(&pool);
}

/* Five frames of two logs, sent in every two pieces. */
TEST(any_two_partial_sends_give_the_same_bytes)
{
    for (size_t cut = 0;; cut++) {
        struct frame_pool pool;
        struct frame_log logs[2];
        struct outbox outbox = {0};
        struct bytes out;
        char want[256], got[256];
        size_t want_size = 0, total;

        frame_pool_init(&pool);
        frame_log_init(&logs[0], &pool);
        frame_log_init(&logs[1], &pool);
        for (unsigned i = 0; i < 5; i++) {
            struct run run = push(&outbox, &logs[i / 2 % 2], 7 + i);

            memcpy(want + want_size, run.segment->data + run.from, size_of(run));
            want_size += size_of(run);
        }
        total = outbox_bytes(&outbox);
        CHECK_EQ(total, want_size);
        out = outbox_peek(&outbox, scratch, SCRATCH_SIZE);
        CHECK_EQ(out.size, total);
        memcpy(got, out.data, cut);
        outbox_sent(&outbox, cut);
        CHECK_EQ(outbox_bytes(&outbox), total - cut);
        out = outbox_peek(&outbox, scratch, SCRATCH_SIZE);
        CHECK_EQ(out.size, total - cut);
        if (out.size > 0)
            memcpy(got + cut, out.data, out.size);
        outbox_sent(&outbox, out.size);
        CHECK(outbox_empty(&outbox));
        CHECK(memcmp(want, got, total) == 0);
        frame_log_done(&logs[0]);
        frame_log_done(&logs[1]);
        frame_pool_done(&pool);
        if (cut == total)
            break;
    }
}

/* After any number of bytes sent, a cut leaves exactly the rest of the frame that was begun. */
TEST(a_cut_keeps_the_frame_that_was_begun_whole)
{
    static const size_t sizes[] = {5, 200, 1, 60}; /* 200 has the longer header */

    for (size_t sent = 0;; sent++) {
        struct frame_pool pool;
        struct frame_log logs[2];
        struct outbox outbox = {0};
        size_t total = 0, end = 0;

        frame_pool_init(&pool);
        frame_log_init(&logs[0], &pool);
        frame_log_init(&logs[1], &pool);
        for (unsigned i = 0; i < ARRAY_COUNT(sizes); i++) {
            uint32_t size = size_of(push(&outbox, &logs[i == 3], sizes[i]));

            end = end < sent ? total + size : end; /* the first frame's end at or after `sent` */
            total += size;
        }
        outbox_sent(&outbox, sent);
        outbox_cut(&outbox);
        CHECK_EQ(outbox_bytes(&outbox), end - sent);
        CHECK_EQ(outbox_peek(&outbox, scratch, SCRATCH_SIZE).size, end - sent);
        CHECK_EQ(outbox_empty(&outbox), end == sent);
        /* What is said after the cut follows it. */
        push(&outbox, &logs[1], 9);
        CHECK_EQ(outbox_bytes(&outbox), end - sent + 11);
        outbox_done(&outbox);
        frame_log_done(&logs[0]);
        frame_log_done(&logs[1]);
        frame_pool_done(&pool);
        if (sent == total)
            break;
    }
}

TEST(a_cut_of_an_empty_outbox_is_fine)
{
    struct outbox outbox = {0};

    outbox_cut(&outbox);
    outbox_done(&outbox);
    CHECK(outbox_empty(&outbox));
}

TEST(an_outbox_has_a_ceiling_of_runs)
{
    struct frame_pool pool;
    struct frame_log logs[2];
    struct outbox outbox = {0};
    unsigned pushed = 0;
    size_t bytes;
    int r = 0;

    frame_pool_init(&pool);
    frame_log_init(&logs[0], &pool);
    frame_log_init(&logs[1], &pool);
    while (pushed < 4 * OUTBOX_RUNS_MAX) {
        struct run run = frame_of(&logs[pushed % 2], 3);

        bytes = outbox_bytes(&outbox);
        r = outbox_push(&outbox, &run);
        if (r < 0)
            break;
        pushed++;
    }
    CHECK_EQ(r, MCP_AUTH_E_FULL);
    CHECK_EQ(outbox_bytes(&outbox), bytes); /* nothing was added */
    CHECK(pushed > OUTBOX_RUNS_MAX / 2 && pushed <= OUTBOX_RUNS_MAX + 1);
    outbox_sent(&outbox, 5);
    CHECK_EQ(outbox_push(&outbox, &(struct run){outbox.first.segment, 0, 5}), 0); /* room again */
    outbox_done(&outbox);
    frame_log_done(&logs[0]);
    frame_log_done(&logs[1]);
    frame_pool_done(&pool);
}

/* A long life: random frames of three logs, random sends, now and then a cut. */
TEST(an_outbox_agrees_with_one_long_string_under_random_use)
{
    static char want[1 << 20];
    static uint32_t frame_ends[20000];
    size_t want_size = 0, sent = 0, ends = 0;
    uint64_t run_seed = 20260104;
    struct random random = random_seeded(&run_seed);
    struct frame_pool pool;
    struct frame_log logs[3];
    struct outbox outbox = {0};

    frame_pool_init(&pool);
    for (int i = 0; i < 3; i++)
        frame_log_init(&logs[i], &pool);
    for (int step = 0; step < 12000; step++) {
        uint32_t roll[3];

        random.fill(random.owner, roll, sizeof roll);
        if (roll[0] % 16 < 8 && want_size < sizeof want - 1024 &&
            (!outbox.more || outbox.more->count < 500)) {
            struct run run = push(&outbox, &logs[roll[1] % 3], 1 + roll[2] % 300);

            memcpy(want + want_size, run.segment->data + run.from, size_of(run));
            want_size += size_of(run);
            frame_ends[ends++] = (uint32_t)want_size;
        } else if (roll[0] % 16 < 15) {
            struct bytes out = outbox_peek(&outbox, scratch, roll[1] % SCRATCH_SIZE);
            size_t size = out.size ? roll[2] % (out.size + 1) : 0;

            CHECK_EQ(out.size == 0, outbox_empty(&outbox));
            CHECK(out.size <= want_size - sent);
            CHECK(bytes_equal(out, (struct bytes){want + sent, out.size}));
            outbox_sent(&outbox, size);
            sent += size;
        } else if (roll[1] % 8 == 0) {
            outbox_cut(&outbox);
            while (ends > 0 && (ends > 1 ? frame_ends[ends - 2] : 0) >= sent)
                ends--; /* not begun */
            want_size = ends > 0 ? frame_ends[ends - 1] : 0;
        }
        CHECK_EQ(outbox_bytes(&outbox), want_size - sent);
    }
    CHECK(ends > 1000);
    outbox_done(&outbox);
    for (int i = 0; i < 3; i++)
        frame_log_done(&logs[i]);
    frame_pool_done(&pool);
}
