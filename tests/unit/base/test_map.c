/* SPDX-License-Identifier: Apache-2.0 */
/* test_map.c: the table does what a plain array would, under any order of puts and removals. */
#include "base/map.h"

#include <stdio.h>

#include "base/random.h"
#include "unit.h"

#define ITEMS 600

struct thing {
    char name[16];
    bool in;
    unsigned seen;
};

static struct thing things[ITEMS];
static const uint8_t seed[16] = {7, 1, 9};

static struct bytes thing_key(const void *item)
{
    return bytes_of(((const struct thing *)item)->name);
}

static void things_reset(void)
{
    memset(things, 0, sizeof things);
    for (int i = 0; i < ITEMS; i++)
        snprintf(things[i].name, sizeof things[i].name, "thing-%d", i);
}

static void check_all(const struct map *map)
{
    struct thing *it;
    size_t cursor = 0, count = 0;

    for (int i = 0; i < ITEMS; i++) {
        CHECK(map_find(map, thing_key(&things[i])) == (things[i].in ? &things[i] : NULL));
        things[i].seen = 0;
    }
    while ((it = map_next(map, &cursor))) {
        it->seen++;
        count++;
    }
    CHECK_EQ(count, map->count);
    for (int i = 0; i < ITEMS; i++)
        CHECK_EQ(things[i].seen, things[i].in);
    CHECK(map->count <= map->capacity / 4 * 3);
}

TEST(map_agrees_with_an_array_under_random_changes)
{
    uint64_t run_seed = 20260101;
    struct random random = random_seeded(&run_seed);
    struct map map;

    things_reset();
    map_init(&map, thing_key, seed);
    for (int step = 0; step < 30000; step++) {
        uint32_t draw;
        struct thing *thing;

        random.fill(random.owner, &draw, sizeof draw);
        /* Long stretches of mostly puts, then mostly removals: it grows and shrinks. */
        thing = &things[draw % ITEMS];
        if (draw >> 16 & 3 ? (step / 3000) % 2 == 0 : (step / 3000) % 2 != 0) {
            if (!thing->in) {
                CHECK_EQ(map_insert(&map, thing), 0);
                thing->in = true;
            }
        } else {
            CHECK(map_remove(&map, thing_key(thing)) == (thing->in ? thing : NULL));
            thing->in = false;
        }
        if (step % 500 == 0)
            check_all(&map);
    }
    check_all(&map);
    map_done(&map);
}

TEST(map_shrinks_when_nearly_all_is_gone)
{
    struct map map;

    things_reset();
    map_init(&map, thing_key, seed);
    for (int i = 0; i < ITEMS; i++)
        CHECK_EQ(map_insert(&map, &things[i]), 0);
    CHECK_EQ(map.capacity, 1024);
    for (int i = 0; i < ITEMS; i++)
        CHECK(map_remove(&map, thing_key(&things[i])) == &things[i]);
    CHECK_EQ(map.count, 0);
    CHECK(map.capacity <= 16);
    map_done(&map);
}

TEST(an_empty_map_finds_and_removes_nothing)
{
    struct map map;
    size_t cursor = 0;

    map_init(&map, thing_key, seed);
    CHECK(map_find(&map, BYTES("x")) == NULL);
    CHECK(map_find(&map, (struct bytes){NULL, 0}) == NULL);
    CHECK(map_remove(&map, BYTES("x")) == NULL);
    CHECK(map_next(&map, &cursor) == NULL);
    map_done(&map);
    map_done(&map);
    map_done(NULL);
}

TEST(an_empty_key_is_a_key)
{
    struct thing nameless = {.name = ""};
    struct map map;

    map_init(&map, thing_key, seed);
    CHECK_EQ(map_insert(&map, &nameless), 0);
    CHECK(map_find(&map, BYTES("")) == &nameless);
    CHECK(map_remove(&map, BYTES("")) == &nameless);
    map_done(&map);
}
