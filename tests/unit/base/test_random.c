/* SPDX-License-Identifier: Apache-2.0 */
/* test_random.c: randomness is fresh or repeatable as asked, and an id has its layout. */
#include "base/random.h"

#include "base/bytes.h"
#include "base/compiler.h"
#include "unit.h"

TEST(the_kernel_gives_different_bytes_each_time)
{
    uint8_t a[1000] = {0}, b[1000] = {0};

    random_kernel.fill(random_kernel.owner, a, sizeof a);
    random_kernel.fill(random_kernel.owner, b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    random_kernel.fill(random_kernel.owner, a, 0);
}

TEST(a_seed_repeats_its_stream)
{
    uint64_t s1 = 42, s2 = 42, s3 = 43;
    struct random r1 = random_seeded(&s1), r2 = random_seeded(&s2), r3 = random_seeded(&s3);
    uint8_t a[100], b[100], c[100];

    r1.fill(r1.owner, a, sizeof a);
    r2.fill(r2.owner, b, sizeof b);
    r3.fill(r3.owner, c, sizeof c);
    assert_memory_equal(a, b, sizeof a);
    assert_memory_not_equal(a, c, sizeof a);
    r2.fill(r2.owner, b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
}

static void ones(void *owner, void *data, size_t size)
{
    (void)owner;
    memset(data, 0xff, size);
}

static void zeros(void *owner, void *data, size_t size)
{
    (void)owner;
    memset(data, 0, size);
}

TEST(a_uuid7_has_time_version_and_variant_where_the_rfc_puts_them)
{
    const struct random all_ones = {ones, NULL}, all_zeros = {zeros, NULL};
    char id[UUID_SIZE + 1] = {0};

    /* The time of the example in RFC 9562, appendix A.6. */
    uuid7(&all_ones, 0x017f22e279b0, id);
    CHECK_TEXT(bytes_of(id), "017f22e2-79b0-7fff-bfff-ffffffffffff");
    uuid7(&all_zeros, 0x017f22e279b0, id);
    CHECK_TEXT(bytes_of(id), "017f22e2-79b0-7000-8000-000000000000");
    uuid7(&all_zeros, -5, id);
    CHECK_TEXT(bytes_of(id), "00000000-0000-7000-8000-000000000000");
}

TEST(uuid7s_of_later_milliseconds_sort_later)
{
    uint64_t run_seed = 1;
    struct random random = random_seeded(&run_seed);
    char last[UUID_SIZE], id[UUID_SIZE];

    uuid7(&random, 1, last);
    for (int64_t ms = 2; ms < 2000; ms += 13) {
        uuid7(&random, ms, id);
        CHECK(memcmp(last, id, UUID_SIZE) < 0);
        memcpy(last, id, UUID_SIZE);
    }
}

/* More than the pool holds, twice over. */
TEST(pooled_bytes_do_not_come_again)
{
    char ids[100][UUID_SIZE];

    for (size_t i = 0; i < ARRAY_COUNT(ids); i++) {
        uuid7(&random_pooled, 1, ids[i]);
        for (size_t j = 0; j < i; j++)
            CHECK(memcmp(ids[i], ids[j], UUID_SIZE) != 0);
    }
}
