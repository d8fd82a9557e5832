/* SPDX-License-Identifier: Apache-2.0 */
/* test_timer_wheel.c: the wheel does what a plain list of deadlines would, near and far. */
#include "base/timer_wheel.h"

#include <stdbool.h>

#include "base/random.h"
#include "base/slab.h"
#include "unit.h"

#define TIMERS 200

struct model {
    struct timer timer;
    int64_t deadline_ms;
    bool set;
};

static struct model *models[TIMERS];
static struct slab slab;
static struct timer_wheel wheel;

static int64_t model_deadline(struct timer *timer)
{
    return container_of(timer, struct model, timer)->deadline_ms;
}

static void set(struct model *m, int64_t deadline_ms)
{
    m->deadline_ms = deadline_ms;
    timer_set(&wheel, &m->timer, deadline_ms);
}

static uint64_t draw(uint64_t *state)
{
    struct random random = random_seeded(state);
    uint64_t value;

    random.fill(random.owner, &value, sizeof value);
    return value;
}

static int64_t model_next(void)
{
    int64_t next = INT64_MAX;

    for (int i = 0; i < TIMERS; i++)
        if (models[i]->set && models[i]->deadline_ms < next)
            next = models[i]->deadline_ms;
    return next;
}

/* Everything due comes, once, in order of deadline; nothing else does. */
static void check_advance(int64_t now_ms)
{
    int64_t before = wheel.now_ms, last = INT64_MIN;
    struct timer *timer;

    timer_wheel_advance(&wheel, now_ms);
    CHECK_EQ(wheel.now_ms, now_ms);
    while ((timer = timer_wheel_take(&wheel))) {
        struct model *m = container_of(timer, struct model, timer);
        int64_t deadline = m->deadline_ms;

        CHECK(m->set);
        CHECK(deadline <= now_ms);
        if (deadline < before) /* what was overdue has lost its order, and comes first */
            deadline = before;
        CHECK(deadline >= last);
        last = deadline;
        m->set = false;
    }
    for (int i = 0; i < TIMERS; i++) {
        CHECK_EQ(models[i]->set, timer_is_set(&models[i]->timer));
        if (models[i]->set)
            CHECK(models[i]->deadline_ms > now_ms);
    }
}

static void check_next(void)
{
    int64_t next = timer_wheel_next(&wheel), model = model_next();

    CHECK(model == INT64_MAX ? next == INT64_MAX : next <= model || model < wheel.now_ms);
    CHECK(next >= wheel.now_ms);
}

static void models_init(int64_t now_ms)
{
    slab_init(&slab, sizeof(struct model), NULL);
    timer_wheel_init(&wheel, now_ms, &slab, offsetof(struct model, timer), model_deadline);
    for (int i = 0; i < TIMERS; i++) {
        models[i] = slab_take(&slab);
        assert_non_null(models[i]);
    }
}

static void models_done(void)
{
    for (int i = 0; i < TIMERS; i++) {
        timer_cancel(&wheel, &models[i]->timer);
        slab_give(models[i]);
    }
    slab_done(&slab);
}

static void run_random(uint64_t seed, unsigned far_bits, unsigned jump_bits)
{
    uint64_t state = seed;

    models_init((int64_t)(draw(&state) >> 24));
    for (int step = 0; step < 3000; step++) {
        struct model *m = models[draw(&state) % TIMERS];
        int64_t ahead = (int64_t)(draw(&state) & ((1ull << draw(&state) % far_bits) - 1));

        switch (draw(&state) % 8) {
        case 0:
            timer_cancel(&wheel, &m->timer);
            m->set = false;
            break;
        case 1:
            check_advance(wheel.now_ms +
                          (int64_t)(draw(&state) & ((1ull << draw(&state) % jump_bits) - 1)));
            break;
        case 2:
            if (model_next() < INT64_MAX && model_next() > wheel.now_ms)
                check_advance(model_next() - (int64_t)(draw(&state) & 1));
            break;
        default:
            set(m, wheel.now_ms + ahead - 3);
            m->set = true;
        }
        check_next();
    }
    /* A loop that sleeps until `next` reaches everything, in few steps each. */
    for (int steps = 0; timer_wheel_next(&wheel) < INT64_MAX; steps++) {
        assert_true(steps < TIMERS * (TIMER_LEVELS + 10000));
        check_advance(timer_wheel_next(&wheel));
    }
    CHECK(model_next() == INT64_MAX);
    models_done();
}

TEST(wheel_agrees_with_a_list_for_near_deadlines)
{
    for (uint64_t seed = 1; seed <= 10; seed++)
        run_random(seed, 16, 12);
}

TEST(wheel_agrees_with_a_list_for_far_deadlines_and_jumps)
{
    for (uint64_t seed = 11; seed <= 30; seed++)
        run_random(seed, 42, 40);
}

TEST(a_past_deadline_is_due_at_the_next_advance_also_of_no_time)
{
    models_init(1000);
    for (int i = 0; i < 3; i++) {
        set(models[i], i == 0 ? INT64_MIN : i == 1 ? 999 : 1000);
        models[i]->set = true;
    }
    CHECK_EQ(timer_wheel_next(&wheel), 1000);
    check_advance(1000);
    CHECK(timer_wheel_next(&wheel) == INT64_MAX);
    models_done();
}

TEST(one_millisecond_keeps_the_order_of_setting_across_levels)
{
    models_init(0);
    /* The same deadline set from four distances, so through different levels. */
    for (int i = 0; i < 4; i++) {
        static const int64_t at[] = {0, 300000, 304999, 305001};

        timer_wheel_advance(&wheel, at[i]);
        CHECK(!timer_wheel_take(&wheel));
        set(models[i], 305002);
    }
    timer_wheel_advance(&wheel, 305002);
    for (int i = 0; i < 4; i++)
        CHECK(timer_wheel_take(&wheel) == &models[i]->timer);
    CHECK(!timer_wheel_take(&wheel));
    models_done();
}

TEST(what_is_not_taken_stays_due_before_what_comes_later)
{
    models_init(0);
    for (int i = 0; i < 6; i++)
        set(models[i], 10 + i / 2 * 1000);
    for (int i = 0; i < 3; i++)
        timer_wheel_advance(&wheel, 10 + i * 1000);
    CHECK(timer_wheel_next(&wheel) == INT64_MAX);
    timer_cancel(&wheel, &models[3]->timer);
    for (int i = 0; i < 6; i++)
        if (i != 3)
            CHECK(timer_wheel_take(&wheel) == &models[i]->timer);
    CHECK(!timer_wheel_take(&wheel));
    models_done();
}

TEST(a_due_timer_may_be_cancelled_or_set_anew_by_its_neighbour)
{
    models_init(5);
    for (int i = 0; i < 3; i++)
        set(models[i], 10);
    timer_wheel_advance(&wheel, 10);
    CHECK(timer_wheel_take(&wheel) == &models[0]->timer); /* runs, and changes the two others */
    CHECK(!timer_is_set(&models[0]->timer));
    timer_cancel(&wheel, &models[1]->timer);
    set(models[2], 20);
    CHECK(!timer_wheel_take(&wheel));
    CHECK(!timer_is_set(&models[1]->timer));
    CHECK(timer_wheel_next(&wheel) <= 20);
    timer_cancel(&wheel, &models[2]->timer);
    timer_cancel(&wheel, &models[2]->timer); /* twice is fine */
    CHECK(timer_wheel_next(&wheel) == INT64_MAX);
    models_done();
}

TEST(the_end_of_time_is_a_deadline_like_any_other)
{
    models_init(123456789);
    set(models[0], INT64_MAX);
    for (int i = 0; i < 40; i++) {
        timer_wheel_advance(&wheel, wheel.now_ms + (1ll << (i + 20)));
        CHECK(!timer_wheel_take(&wheel));
        CHECK(timer_is_set(&models[0]->timer));
    }
    models_done();
}
