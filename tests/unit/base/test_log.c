/* SPDX-License-Identifier: Apache-2.0 */
/* test_log.c: a record reaches the sink with its fields as text, if its level is wanted. */
#include "base/log.h"

#include <limits.h>
#include <stdio.h>

#include "unit.h"

struct written {
    unsigned records;
    enum log_level level;
    char text[1024];
};

static void write_down(void *owner, enum log_level level, struct bytes words,
                       const struct log_field *fields, unsigned fields_count)
{
    struct written *written = owner;
    size_t at;

    written->records++;
    written->level = level;
    at = (size_t)snprintf(written->text, sizeof written->text, "%.*s", (int)words.size, words.data);
    for (unsigned i = 0; i < fields_count; i++)
        at += (size_t)snprintf(written->text + at, sizeof written->text - at, " %s=%.*s",
                               fields[i].key, (int)fields[i].value.size, fields[i].value.data);
}

static int asked;

static int ask(void)
{
    return ++asked;
}

TEST(nothing_is_wanted_without_a_sink)
{
    log_to(NULL, NULL, LOG_DEBUG);
    CHECK(!log_wanted(LOG_ERROR));
    log_write(LOG_ERROR, "unheard", LOG_INT("n", ask()));
    CHECK_EQ(asked, 0); /* and its arguments cost nothing */
}

TEST(a_record_carries_words_texts_and_numbers)
{
    struct written written = {0};

    log_to(write_down, &written, LOG_INFO);
    log_write(LOG_INFO, "listening");
    CHECK_TEXT(bytes_of(written.text), "listening");
    log_write(LOG_ERROR, "cannot", LOG_TEXT("file", bytes_of("/x")), LOG_INT("n", LLONG_MIN),
              LOG_TEXT("absent", bytes_of(NULL)), LOG_INT("zero", 0));
    CHECK_TEXT(bytes_of(written.text), "cannot file=/x n=-9223372036854775808 absent= zero=0");
    CHECK_EQ(written.level, LOG_ERROR);
    CHECK_EQ(written.records, 2);
    log_to(NULL, NULL, LOG_DEBUG);
}

TEST(a_level_below_the_wanted_is_not_written)
{
    struct written written = {0};

    log_to(write_down, &written, LOG_WARNING);
    log_write(LOG_INFO, "quiet", LOG_INT("n", 1));
    log_args(LOG_DEBUG, "quiet", NULL, 0);
    CHECK_EQ(written.records, 0);
    log_write(LOG_WARNING, "heard");
    CHECK_EQ(written.records, 1);
    log_level_set(LOG_DEBUG);
    log_write(LOG_DEBUG, "heard");
    CHECK_EQ(written.records, 2);
    log_level_set(LOG_ERROR);
    log_write(LOG_WARNING, "quiet");
    CHECK_EQ(written.records, 2);
    log_to(NULL, NULL, LOG_DEBUG);
}

TEST(fields_beyond_the_sixteenth_are_left_out)
{
    struct log_arg args[LOG_FIELDS_MAX + 1];
    struct written written = {0};

    for (unsigned i = 0; i < ARRAY_COUNT(args); i++)
        args[i] = (struct log_arg)LOG_INT("k", i);
    log_to(write_down, &written, LOG_DEBUG);
    log_args(LOG_INFO, "many", args, ARRAY_COUNT(args));
    CHECK(strstr(written.text, "k=15") != NULL);
    CHECK(strstr(written.text, "k=16") == NULL);
    log_to(NULL, NULL, LOG_DEBUG);
}
