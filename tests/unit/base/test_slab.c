/* SPDX-License-Identifier: Apache-2.0 */
/* test_slab.c: objects stay where they are while they live, and a peak's memory goes back. */
#include "base/slab.h"

#include "unit.h"

#define SIZE 72
#define MANY 5000

static void *objects[MANY];

static void take_many(struct slab *slab)
{
    for (unsigned i = 0; i < MANY; i++) {
        objects[i] = slab_take(slab);
        CHECK(objects[i] != NULL);
        memset(objects[i], (int)(i & 0xff), SIZE);
    }
}

static void give_many(unsigned from, unsigned step)
{
    for (unsigned i = from; i < MANY; i += step) {
        slab_give(objects[i]);
        objects[i] = NULL;
    }
}

TEST(an_object_is_zeroed_and_nobody_else_writes_to_it)
{
    static const uint8_t zeros[SIZE];
    struct slab slab;

    slab_init(&slab, SIZE, NULL);
    take_many(&slab);
    CHECK_EQ(slab.count, MANY);
    for (unsigned i = 0; i < MANY; i++)
        for (unsigned at = 0; at < SIZE; at++)
            CHECK_EQ(((uint8_t *)objects[i])[at], i & 0xff);
    give_many(0, 3);
    for (unsigned i = 0; i < MANY; i += 3) {
        objects[i] = slab_take(&slab);
        CHECK_EQ((uintptr_t)objects[i] % 8, 0);
        assert_memory_equal(objects[i], zeros, SIZE);
    }
    give_many(0, 1);
    slab_done(&slab);
    slab_done(NULL);
}

TEST(every_size_fits_its_chunk)
{
    for (size_t size = 1; size <= SLAB_OBJECT_SIZE_MAX; size += size < 300 ? 1 : 97) {
        struct slab slab;
        uint32_t filled;

        slab_init(&slab, size, NULL);
        filled = slab.per_chunk;
        for (uint32_t i = 0; i < filled; i++) {
            void *object = slab_take(&slab);

            memset(object, 0xff, size); /* the sanitizer looks on */
            CHECK_EQ(slab_index(object), i);
            CHECK(slab_at(&slab, i) == object);
        }
        CHECK_EQ(slab.chunks, 1);
        for (uint32_t i = 0; i < filled; i++)
            slab_give(slab_at(&slab, i));
        slab_done(&slab);
    }
}

TEST(an_object_costs_less_than_seven_bytes_more)
{
    struct slab slab;

    slab_init(&slab, SIZE, NULL);
    CHECK_EQ(slab.object_size, SIZE);
    CHECK(SLAB_CHUNK_SIZE / slab.per_chunk < slab.stride + 7);
    slab_done(&slab);
}

TEST(an_object_knows_the_owner_of_its_slab)
{
    struct slab slab;
    int owner;

    slab_init(&slab, SIZE, &owner);
    take_many(&slab);
    for (unsigned i = 0; i < MANY; i++)
        CHECK(slab_owner(objects[i]) == &owner);
    give_many(0, 1);
    slab_done(&slab);
}

TEST(the_memory_of_a_peak_goes_back_but_for_one_chunk)
{
    struct slab slab;
    uint32_t peak;

    slab_init(&slab, SIZE, NULL);
    take_many(&slab);
    peak = slab.chunks;
    CHECK_EQ(peak, (MANY + slab.per_chunk - 1) / slab.per_chunk);
    CHECK(slab_bytes(&slab) >= (size_t)peak * SLAB_CHUNK_SIZE);
    give_many(0, 1);
    CHECK_EQ(slab.count, 0);
    CHECK_EQ(slab.chunks, 1);
    take_many(&slab);
    CHECK_EQ(slab.chunks, peak);
    give_many(0, 1);
    slab_done(&slab);
}

TEST(no_chunk_is_mapped_while_a_used_one_has_place)
{
    struct slab slab;
    uint32_t peak;

    slab_init(&slab, SIZE, NULL);
    take_many(&slab);
    peak = slab.chunks;
    give_many(1, 2);
    for (unsigned i = 1; i < MANY; i += 2)
        objects[i] = slab_take(&slab);
    CHECK_EQ(slab.chunks, peak);

    /* One lives in each chunk and an empty one is kept: the empty one waits. */
    give_many(0, 1);
    take_many(&slab);
    for (unsigned i = 0; i < MANY; i++)
        if (i < slab.per_chunk || i % slab.per_chunk != 0) {
            slab_give(objects[i]);
            objects[i] = NULL;
        }
    CHECK(slab.empty != NULL);
    for (unsigned i = 0; i < slab.per_chunk - 1; i++) {
        objects[i] = slab_take(&slab);
        CHECK(slab.empty != NULL);
    }
    for (unsigned i = 0; i < MANY; i++)
        if (objects[i])
            slab_give(objects[i]);
    slab_done(&slab);
}

TEST(a_slab_handle_finds_its_object_while_it_lives_and_never_another)
{
    static uint64_t handles[MANY];
    struct slab slab;

    slab_init(&slab, SIZE, NULL);
    CHECK(slab_find(&slab, 0) == NULL);
    CHECK(slab_find(&slab, UINT64_MAX) == NULL);
    take_many(&slab);
    for (unsigned i = 0; i < MANY; i++) {
        handles[i] = slab_handle(objects[i]);
        CHECK(handles[i] != 0);
        CHECK(slab_find(&slab, handles[i]) == objects[i]);
        CHECK(slab_find(&slab, handles[i] + (UINT64_C(1) << 32)) == NULL);
    }
    CHECK(slab_find(&slab, handles[0] + UINT32_MAX) == NULL);
    give_many(0, 2);
    for (unsigned i = 0; i < MANY; i++)
        CHECK(slab_find(&slab, handles[i]) == objects[i]);
    for (unsigned i = 0; i < MANY; i += 2)
        objects[i] = slab_take(&slab);
    for (unsigned i = 0; i < MANY; i++)
        CHECK(slab_at(&slab, (uint32_t)handles[i]) != NULL); /* the places are used again */
    for (unsigned i = 0; i < MANY; i++)
        CHECK(slab_find(&slab, handles[i]) == (i % 2 ? objects[i] : NULL));
    give_many(0, 1);
    slab_done(&slab);
}

/* Its number is given again, and its generations begin above the old ones. */
TEST(a_chunk_that_was_unmapped_revives_no_handle)
{
    static uint64_t handles[MANY];
    struct slab slab;

    slab_init(&slab, SIZE, NULL);
    for (unsigned round = 0; round < 4; round++) {
        take_many(&slab);
        if (round == 0)
            for (unsigned i = 0; i < MANY; i++)
                handles[i] = slab_handle(objects[i]);
        else
            for (unsigned i = 0; i < MANY; i++)
                CHECK(slab_find(&slab, handles[i]) == NULL);
        give_many(0, 1);
        CHECK_EQ(slab.chunks, 1);
    }
    CHECK(slab.numbers_count <= MANY / slab.per_chunk + 2);
    slab_done(&slab);
}

TEST(a_place_whose_generations_are_used_up_is_retired_with_its_chunk)
{
    struct slab slab;
    uint64_t last = 0;
    void *object, *other;

    slab_init(&slab, SIZE, NULL);
    slab.generation_first = UINT32_MAX - 1;
    other = slab_take(&slab);
    CHECK_EQ(slab_index(other), 0);
    for (unsigned i = 0; i < 2; i++) {
        object = slab_take(&slab);
        CHECK_EQ(slab_index(object), 1);
        last = slab_handle(object);
        slab_give(object);
    }
    CHECK_EQ(last >> 32, UINT32_MAX);
    CHECK(slab_find(&slab, last) == NULL);
    CHECK(slab_find(&slab, 1) == NULL); /* generation 0 */
    object = slab_take(&slab);
    CHECK_EQ(slab_index(object), 2);
    slab_give(object);
    slab_give(other);
    CHECK_EQ(slab.chunks, 0); /* not kept */

    object = slab_take(&slab);
    CHECK(slab_index(object) >= slab.per_chunk);
    CHECK(slab_find(&slab, last) == NULL);
    slab_give(object);
    slab_done(&slab);
}

TEST(a_chunk_that_is_retired_to_the_last_place_is_unmapped)
{
    struct slab slab;

    slab_init(&slab, SIZE, NULL);
    slab.generation_first = UINT32_MAX;
    take_many(&slab);
    give_many(0, 2);
    give_many(1, 2);
    CHECK_EQ(slab.chunks, 0);
    CHECK(list_empty(&slab.open));
    CHECK(slab_take(&slab) != NULL);
    slab_give(slab_at(&slab, slab.numbers_count * slab.per_chunk - slab.per_chunk));
    slab_done(&slab);
}

TEST(a_walk_meets_every_object_though_each_is_given_back)
{
    struct slab slab;
    uint32_t cursor = 0;
    unsigned met = 0;
    void *object;

    slab_init(&slab, SIZE, NULL);
    CHECK(slab_next(&slab, &cursor) == NULL);
    take_many(&slab);
    give_many(0, 2);
    cursor = 0;
    while ((object = slab_next(&slab, &cursor))) {
        met++;
        slab_give(object);
    }
    CHECK_EQ(met, MANY / 2);
    CHECK_EQ(slab.count, 0);
    CHECK(slab_next(&slab, &cursor) == NULL);
    cursor = UINT32_MAX;
    CHECK(slab_next(&slab, &cursor) == NULL);
    slab_done(&slab);
}
