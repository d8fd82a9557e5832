/* SPDX-License-Identifier: Apache-2.0 */
/* test_text.c: the same place that says the same is the same text, for one turn; else it is not. */
#include "front/text.h"

#include "unit.h"

TEST(a_place_that_was_used_again_within_a_turn_is_another_text)
{
    static struct text_table table;
    char log[16] = "one";
    struct front_text *first = text_table_take(&table, (struct bytes){log, 3});
    struct front_text *same = text_table_take(&table, (struct bytes){log, 3});
    struct front_text *other;

    CHECK(first && first == same);
    memcpy(log, "two", 3);
    other = text_table_take(&table, (struct bytes){log, 3});
    CHECK(other && other != first);
    text_table_publish(&table);
    CHECK_TEXT(front_text_bytes(first), "one");
    CHECK_TEXT(front_text_bytes(other), "two");
    front_text_unref(first);
    front_text_unref(same); /* two were taken */
    front_text_unref(other);
    CHECK(!table.made);
}

TEST(what_was_given_back_is_nobodys)
{
    static struct text_table table;
    struct front_text *text = text_table_take(&table, BYTES("text"));

    CHECK(text);
    text_table_give_back(text);
    text_table_publish(&table); /* frees it: the leak check of the build tells */
    CHECK(!table.made);
}

static unsigned released;

static void release(void *host)
{
    released += host == &released;
}

TEST(the_core_leaves_what_holds_a_hosts_object_to_the_host)
{
    _Atomic(struct front_text *) orphans = NULL;
    struct front_text *held = front_text_new(BYTES("held")), *free = front_text_new(BYTES("free"));

    released = 0;
    CHECK(held && free && front_text_set_host(held, &released, release));
    text_unref_in_core(free, &orphans);
    CHECK(!orphans);
    text_unref_in_core(held, &orphans);
    CHECK_EQ(released, 0);
    text_orphans_free(&orphans);
    CHECK_EQ(released, 1);
    CHECK(!orphans);
}
