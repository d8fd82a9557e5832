/* SPDX-License-Identifier: Apache-2.0 */
/* test_history_index.c: chains do what plain arrays of numbers would, and give memory back. */
#include "history/history_index.h"

#include <stdio.h>

#include "base/random.h"
#include "unit.h"

#define KEYS 12
#define NUMBERS_MAX 4000

/* The naive model: all numbers of a key in one long array; [first, last) are there. */
struct plain_chain {
    char key[16];
    uint64_t numbers[NUMBERS_MAX];
    size_t first, last;
};

static struct plain_chain plain[KEYS];
static const uint8_t seed[16] = {3, 1, 4};

static struct bytes plain_key(unsigned k)
{
    return bytes_of(plain[k].key);
}

static void plain_reset(void)
{
    memset(plain, 0, sizeof plain);
    for (unsigned k = 0; k < KEYS; k++)
        snprintf(plain[k].key, sizeof plain[k].key, "key %u", k);
}

static size_t plain_after(const struct plain_chain *p, uint64_t n)
{
    size_t place = 0;

    while (place < p->last - p->first && p->numbers[p->first + place] <= n)
        place++;
    return place;
}

static void check_chain(const struct history_index *index, unsigned k, uint64_t some_n)
{
    const struct history_chain *chain = history_index_find(index, plain_key(k));
    const struct plain_chain *p = &plain[k];

    if (p->first == p->last) {
        CHECK(chain == NULL);
        return;
    }
    CHECK(chain != NULL);
    CHECK_EQ(chain->count, p->last - p->first);
    CHECK(chain->count <= chain->capacity && (chain->capacity & (chain->capacity - 1)) == 0);
    for (size_t i = 0; i < chain->count; i++)
        CHECK_EQ(history_chain_at(chain, i), p->numbers[p->first + i]);
    CHECK_EQ(history_chain_after(chain, some_n), plain_after(p, some_n));
    CHECK_EQ(history_chain_after(chain, 0), 0);
    CHECK_EQ(history_chain_after(chain, UINT64_MAX), chain->count);
}

static void one_change(struct history_index *index, unsigned roll, unsigned k, uint64_t *n)
{
    struct plain_chain *p = &plain[k];

    if (roll < 55 && p->last < NUMBERS_MAX) {
        p->numbers[p->last++] = ++*n;
        CHECK_EQ(history_index_add(index, plain_key(k), *n), 0);
    } else if (roll < 90) {
        history_index_drop_first(index, plain_key(k),
                                 p->first < p->last ? p->numbers[p->first] : 1);
        p->first += p->first < p->last;
    } else if (roll < 95) {
        history_index_drop_last(index, plain_key(k),
                                p->first < p->last ? p->numbers[p->last - 1] : 1);
        p->last -= p->first < p->last;
    } else { /* a number that is not at that end changes nothing */
        history_index_drop_first(index, plain_key(k), *n + 1);
        history_index_drop_last(index, plain_key(k), *n + 1);
    }
}

TEST(history_index_agrees_with_plain_arrays_under_random_changes)
{
    uint64_t run_seed = 20260102, n = 0;
    struct random random = random_seeded(&run_seed);
    struct history_index index;

    plain_reset();
    history_index_init(&index, seed);
    for (int step = 0; step < 30000; step++) {
        uint32_t roll[3];
        unsigned k;

        random.fill(random.owner, roll, sizeof roll);
        k = roll[0] % (roll[2] % 3 ? KEYS / 4 : KEYS); /* some chains are busier */
        one_change(&index, roll[1] % 100, k, &n);
        if (step % 16 == 0)
            check_chain(&index, k, roll[2] % (n + 2));
    }
    for (unsigned k = 0; k < KEYS; k++)
        check_chain(&index, k, n / 2);
    history_index_done(&index);
}

TEST(history_index_forgets_a_key_with_its_last_number)
{
    struct history_index index;

    history_index_init(&index, seed);
    CHECK(history_index_find(&index, BYTES("a")) == NULL);
    CHECK_EQ(history_index_add(&index, BYTES("a"), 7), 0);
    CHECK_EQ(history_index_add(&index, BYTES("b"), 8), 0);
    history_index_drop_first(&index, BYTES("a"), 8); /* not its number */
    CHECK(history_index_find(&index, BYTES("a")) != NULL);
    history_index_drop_first(&index, BYTES("a"), 7);
    CHECK(history_index_find(&index, BYTES("a")) == NULL);
    history_index_drop_first(&index, BYTES("a"), 7); /* gone: fine */
    history_index_drop_last(&index, BYTES("b"), 8);
    CHECK(history_index_find(&index, BYTES("b")) == NULL);
    CHECK_EQ(index.chains.count, 0);
    history_index_done(&index);
}

TEST(history_index_gives_memory_back_after_a_peak)
{
    struct history_index index;
    size_t at_peak, small;

    history_index_init(&index, seed);
    for (uint64_t n = 1; n <= 10000; n++)
        CHECK_EQ(history_index_add(&index, BYTES("busy"), n), 0);
    at_peak = history_index_bytes(&index);
    CHECK(at_peak >= 10000 * sizeof(uint64_t));
    for (uint64_t n = 1; n <= 9990; n++)
        history_index_drop_first(&index, BYTES("busy"), n);
    small = history_index_bytes(&index);
    CHECK(small < at_peak / 32);
    for (uint64_t n = 9991; n <= 10000; n++)
        CHECK_EQ(history_chain_at(history_index_find(&index, BYTES("busy")), (size_t)(n - 9991)),
                 n);
    history_index_done(&index);
}
