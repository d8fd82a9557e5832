/* SPDX-License-Identifier: Apache-2.0 */
/* test_mailbox.c: notes run in the order they were put, and the bell rings when it must. */
#include "io/mailbox.h"

#include <poll.h>

#include "unit.h"

struct letter {
    struct note note;
    unsigned number;
    bool again; /* puts itself once more when it runs */
    struct mailbox *mailbox;
};

static unsigned read_order[64], read_count;

static void letter_read(struct note *note, void *context)
{
    struct letter *letter = container_of(note, struct letter, note);

    CHECK(context == &read_count);
    assert_true(read_count < ARRAY_COUNT(read_order));
    read_order[read_count++] = letter->number;
    if (letter->again)
        mailbox_put(letter->mailbox, note);
}

static bool rings(const struct mailbox *mailbox)
{
    struct pollfd p = {.fd = mailbox_fd(mailbox), .events = POLLIN};

    return poll(&p, 1, 0) == 1;
}

static void letters_put(struct mailbox *mailbox, struct letter *letters, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        letters[i] = (struct letter){.note.run = letter_read, .number = i, .mailbox = mailbox};
        mailbox_put(mailbox, &letters[i].note);
    }
}

TEST(who_puts_quietly_owes_a_ring_only_for_the_first)
{
    struct letter letters[3];
    struct mailbox mailbox;

    assert_int_equal(mailbox_init(&mailbox), 0);
    for (unsigned i = 0; i < 3; i++) {
        letters[i] = (struct letter){.note.run = letter_read, .number = i};
        if (i < 2)
            CHECK_EQ(mailbox_put_quietly(&mailbox, &letters[i].note), i == 0);
        else
            mailbox_put(&mailbox, &letters[i].note); /* relies on the ring that is owed */
        CHECK(!rings(&mailbox));
    }
    mailbox_ring(&mailbox);
    CHECK(rings(&mailbox));
    read_count = 0;
    CHECK(!mailbox_run(&mailbox, &read_count, 10));
    CHECK_EQ(read_count, 3);
    CHECK(!rings(&mailbox));
    mailbox_done(&mailbox);
}

TEST(an_empty_mailbox_is_quiet)
{
    struct mailbox mailbox;

    CHECK_EQ(mailbox_init(&mailbox), 0);
    CHECK(!rings(&mailbox));
    CHECK(mailbox_take(&mailbox) == NULL);
    CHECK(!mailbox_run(&mailbox, NULL, 10));
    mailbox_done(&mailbox);
    mailbox_done(&mailbox);
}

TEST(take_gives_everything_oldest_first_and_silences_the_bell)
{
    struct mailbox mailbox;
    struct letter letters[10];
    struct note *note;
    unsigned count = 0;

    CHECK_EQ(mailbox_init(&mailbox), 0);
    letters_put(&mailbox, letters, 0, 10);
    CHECK(rings(&mailbox));
    note = mailbox_take(&mailbox);
    for (; note; note = note->next)
        CHECK_EQ(container_of(note, struct letter, note)->number, count++);
    CHECK_EQ(count, 10);
    CHECK(!rings(&mailbox));
    CHECK(mailbox_take(&mailbox) == NULL);

    letters_put(&mailbox, letters, 3, 4); /* and it rings again for the next */
    CHECK(rings(&mailbox));
    CHECK(mailbox_take(&mailbox) == &letters[3].note);
    mailbox_done(&mailbox);
}

TEST(run_keeps_the_rest_in_order_and_says_so)
{
    for (unsigned at_most = 1; at_most <= 12; at_most++) {
        struct mailbox mailbox;
        struct letter letters[12];

        CHECK_EQ(mailbox_init(&mailbox), 0);
        read_count = 0;
        letters_put(&mailbox, letters, 0, 7);
        CHECK_EQ(mailbox_run(&mailbox, &read_count, at_most), at_most < 7);
        letters_put(&mailbox, letters, 7, 12);
        for (int i = 0; i < 20 && mailbox_run(&mailbox, &read_count, at_most); i++)
            CHECK(!rings(&mailbox)); /* what remains is ours: run says so, not the bell */
        CHECK_EQ(read_count, 12);
        for (unsigned i = 0; i < 12; i++)
            CHECK_EQ(read_order[i], i);
        mailbox_done(&mailbox);
    }
}

TEST(take_gives_also_what_run_has_left)
{
    struct mailbox mailbox;
    struct letter letters[5];
    struct note *note;

    CHECK_EQ(mailbox_init(&mailbox), 0);
    read_count = 0;
    letters_put(&mailbox, letters, 0, 3);
    CHECK(mailbox_run(&mailbox, &read_count, 1));
    letters_put(&mailbox, letters, 3, 5);
    note = mailbox_take(&mailbox);
    for (unsigned i = 1; i < 5; i++, note = note->next)
        CHECK(note == &letters[i].note);
    CHECK(note == NULL);
    mailbox_done(&mailbox);
}

TEST(a_note_that_puts_itself_waits_for_the_next_run)
{
    struct mailbox mailbox;
    struct letter letters[1];

    CHECK_EQ(mailbox_init(&mailbox), 0);
    read_count = 0;
    letters_put(&mailbox, letters, 0, 1);
    letters[0].again = true;
    CHECK(!mailbox_run(&mailbox, &read_count, 100));
    CHECK_EQ(read_count, 1);
    CHECK(rings(&mailbox)); /* so a loop does not sleep on it */
    letters[0].again = false;
    CHECK(!mailbox_run(&mailbox, &read_count, 100));
    CHECK_EQ(read_count, 2);
    CHECK(!rings(&mailbox));
    mailbox_done(&mailbox);
}
