/* SPDX-License-Identifier: Apache-2.0 */
/* test_slots.c: a handle finds its item while it is there, and never another's. */
#include "base/slots.h"

#include "unit.h"

#define MANY 100

TEST(a_handle_finds_its_item_until_it_is_removed)
{
    struct slots slots;
    slot_handle handles[MANY];
    int items[MANY];

    slots_init(&slots);
    for (int i = 0; i < MANY; i++) {
        CHECK_EQ(slots_put(&slots, &items[i], &handles[i]), 0);
        CHECK(handles[i] != 0);
    }
    CHECK_EQ(slots.count, MANY);
    for (int i = 0; i < MANY; i += 2)
        slots_remove(&slots, handles[i]);
    for (int i = 0; i < MANY; i++)
        CHECK(slots_get(&slots, handles[i]) == (i % 2 ? &items[i] : NULL));
    CHECK_EQ(slots.count, MANY / 2);
    slots_done(&slots);
}

TEST(a_late_handle_does_not_find_the_new_owner_of_its_index)
{
    struct slots slots;
    slot_handle first, second;
    int a, b;

    slots_init(&slots);
    CHECK_EQ(slots_put(&slots, &a, &first), 0);
    slots_remove(&slots, first);
    CHECK_EQ(slots_put(&slots, &b, &second), 0);
    CHECK_EQ((uint32_t)first, (uint32_t)second); /* the index is used again */
    CHECK(slots_get(&slots, first) == NULL);
    slots_remove(&slots, first); /* and a late removal harms nobody */
    CHECK(slots_get(&slots, second) == &b);
    slots_done(&slots);
}

TEST(handles_nobody_gave_find_nothing)
{
    struct slots slots;
    slot_handle handle;
    int a;

    slots_init(&slots);
    CHECK(slots_get(&slots, 0) == NULL);
    CHECK(slots_get(&slots, UINT64_MAX) == NULL);
    CHECK_EQ(slots_put(&slots, &a, &handle), 0);
    CHECK(slots_get(&slots, 0) == NULL);
    CHECK(slots_get(&slots, handle + 1) == NULL); /* a free index, its next generation */
    CHECK(slots_get(&slots, handle + 1000) == NULL);
    CHECK(slots_get(&slots, handle + (1ull << 32)) == NULL);
    CHECK(slots_get(&slots, UINT64_MAX) == NULL);
    slots_done(&slots);
    slots_done(NULL);
}

TEST(a_walk_meets_each_item_once_in_the_order_of_its_index)
{
    struct slots slots;
    slot_handle handles[MANY];
    int items[MANY];
    uint32_t cursor = 0;

    slots_init(&slots);
    CHECK(slots_next(&slots, &cursor) == NULL);
    for (int i = 0; i < MANY; i++)
        CHECK_EQ(slots_put(&slots, &items[i], &handles[i]), 0);
    for (int i = 0; i < MANY; i += 2)
        slots_remove(&slots, handles[i]);
    for (int i = 1; i < MANY; i += 2)
        CHECK(slots_next(&slots, &cursor) == &items[i]);
    CHECK(slots_next(&slots, &cursor) == NULL);
    cursor = UINT32_MAX;
    CHECK(slots_next(&slots, &cursor) == NULL);
    slots_done(&slots);
}
