/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_answer.c: an answer cut into any pieces must mean what it means in whole. */
#include <stdio.h>
#include <stdlib.h>

#include "load/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_answer: %s\n", what);
    abort();
}

/* Each piece in memory of its own, so that a read beyond its end is seen. */
static enum answer_result feed(struct answer *answer, struct bytes wire, uint32_t cuts,
                               size_t *ret_used)
{
    enum answer_result result = ANSWER_NEED_MORE;
    size_t at = 0;

    while (at < wire.size && result == ANSWER_NEED_MORE) {
        size_t left = wire.size - at, piece = left, used = SIZE_MAX;
        char *copy;

        cuts = cuts ? cuts * 1664525u + 1013904223u : 0;
        if (cuts && 1 + (cuts >> 24) % 13 < left)
            piece = 1 + (cuts >> 24) % 13;
        copy = malloc(piece);
        must(copy != NULL, "out of memory");
        memcpy(copy, wire.data + at, piece);
        result = answer_feed(answer, (struct bytes){copy, piece}, &used);
        free(copy);
        if (result == ANSWER_BAD)
            break;
        must(used <= piece && (result == ANSWER_WHOLE || used == piece), "used is wrong");
        at += used;
    }
    *ret_used = at;
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct answer whole, split;
    enum answer_result a, b;
    size_t used_a, used_b;
    struct bytes wire;

    if (size < 1)
        return 0;
    wire = (struct bytes){(const char *)data, size - 1}; /* the last byte decides the cuts */
    answer_init(&whole);
    answer_init(&split);
    a = feed(&whole, wire, 0, &used_a);
    b = feed(&split, wire, data[size - 1] + 1u, &used_b);
    must(a == b, "the result depends on the cuts");
    if (a == ANSWER_WHOLE) {
        must(used_a == used_b, "the end differs");
        must(whole.status == split.status && whole.last == split.last, "the head differs");
        must(whole.status >= 200 && whole.status <= 999, "a status that is none");
        must(bytes_equal(strbuf_bytes(&whole.body), strbuf_bytes(&split.body)), "the body differs");
        must(whole.body.size <= used_a, "a body larger than what came");
        answer_reset(&whole);
        must(feed(&whole, wire, 0, &used_b) == ANSWER_WHOLE && used_a == used_b,
             "the next answer is read otherwise");
    }
    answer_done(&whole);
    answer_done(&split);
    return 0;
}
