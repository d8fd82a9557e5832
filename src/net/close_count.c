/* SPDX-License-Identifier: Apache-2.0 */
/* close_count.c: how WebSocket connections ended: who closed, and with which code. */
#include "net/close_count.h"

#include <assert.h>

#include "base/compiler.h"

/* The first that fits counts. */
static const struct {
    enum closer by;
    uint16_t first, last;
    const char *code;
} rows[] = {
#define CLOSE_ROW(number, name, reason) {CLOSER_SERVER, number, number, #number},
    CLOSE_LIST(CLOSE_ROW)
#undef CLOSE_ROW
    /* RFC 6455 section 7.4.1: what the reader of frames refuses, or has no memory for. */
    {CLOSER_SERVER, 1002, 1002, "1002"},
    {CLOSER_SERVER, 1003, 1003, "1003"},
    {CLOSER_SERVER, 1007, 1007, "1007"},
    {CLOSER_SERVER, 1009, 1009, "1009"},
    {CLOSER_SERVER, 1011, 1011, "1011"},
    {CLOSER_SERVER, 0, UINT16_MAX, "other"},
    {CLOSER_CLIENT, 1000, 1000, "1000"},
    {CLOSER_CLIENT, 1001, 1001, "1001"},
    {CLOSER_CLIENT, 1005, 1005, "1005"}, /* a close frame without a code */
    {CLOSER_CLIENT, 1000, 2999, "1xxx"},
    {CLOSER_CLIENT, 3000, 3999, "3xxx"},
    {CLOSER_CLIENT, 4000, 4999, "4xxx"},
    {CLOSER_CLIENT, 0, UINT16_MAX, "other"},
    {CLOSER_NOBODY, 0, UINT16_MAX, "1006"},
};
_Static_assert(ARRAY_COUNT(rows) == CLOSE_COUNT_ROWS, "every row has its counter");

void close_count(struct close_counts *counts, enum closer by, uint16_t code)
{
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++)
        if (rows[i].by == by && rows[i].first <= code && code <= rows[i].last) {
            atomic_fetch_add_explicit(&counts->rows[i], 1, memory_order_relaxed);
            return;
        }
    assert(!"each closer has a row for what is left");
}

bool close_counted(const struct close_counts *counts, unsigned i, struct close_counted *ret)
{
    assert(i < ARRAY_COUNT(rows));
    for (unsigned before = 0; before < i; before++) /* a code may have several reasons */
        if (rows[before].by == rows[i].by && rows[before].first == rows[i].first &&
            rows[before].last == rows[i].last)
            return false;
    *ret = (struct close_counted){
        .by = closer_text(rows[i].by),
        .code = rows[i].code,
        .count = atomic_load_explicit(&counts->rows[i], memory_order_relaxed),
    };
    return true;
}

const char *closer_text(enum closer by)
{
    static const char *const texts[CLOSERS] = {"server", "client", "nobody"};

    assert(by < CLOSERS);
    return texts[by];
}
