/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_http_request.c: a request cut into any pieces must mean what it means in whole. */
#include <stdio.h>
#include <stdlib.h>

#include "codec/http_request.h"

#define BODY_SIZE_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* All that a feeding came to; `request` borrows from `wire`, which is the same for every one. */
struct outcome {
    int head, body;
    const char *why;
    struct http_request request;
    size_t body_used;
    uint64_t total;
    struct strbuf out;
};

static void must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_http_request: %s\n", what);
    abort();
}

/* Sizes of pieces drawn from a small generator, so that one byte of input decides all the cuts. */
static size_t piece_next(uint32_t *state, size_t left)
{
    size_t size;

    if (*state == 0)
        return left; /* in whole */
    *state = *state * 1664525u + 1013904223u;
    size = 1 + (*state >> 24) % 13;
    return size < left ? size : left;
}

static void feed(struct bytes wire, uint32_t cuts, struct outcome *o)
{
    struct http_body body;
    size_t seen = 0, size = 0, at;

    *o = (struct outcome){0};
    strbuf_init(&o->out, BODY_SIZE_MAX);
    do {
        size += piece_next(&cuts, wire.size - size);
        o->head = http_request_parse((struct bytes){wire.data, size}, &seen, &o->request, &o->why);
        must(seen <= size, "seen is beyond the input");
    } while (o->head == 0 && size < wire.size);
    if (o->head <= 0)
        return;

    http_body_init(&body, &o->request);
    at = (size_t)o->head;
    for (;;) {
        size_t piece = piece_next(&cuts, wire.size - at), used = SIZE_MAX;
        char *copy = malloc(piece + 1); /* a body's pieces are not kept: each in its own memory */

        must(copy != NULL, "out of memory");
        memcpy(copy, wire.data + at, piece);
        o->body = http_body_feed(&body, (struct bytes){copy, piece}, &o->out, &used, &o->why);
        free(copy);
        if (o->body < 0)
            return;
        must(used <= piece && (o->body == 1 || used == piece), "used is wrong");
        at += used;
        o->body_used += used;
        if (o->body == 1 || at == wire.size)
            break;
    }
    o->total = body.total;
    must(o->total == o->out.size, "total is not what was appended");
}

static void must_be_same(struct bytes a, struct bytes b, const char *what)
{
    must(a.data == b.data && a.size == b.size, what);
}

static void compare(const struct outcome *a, const struct outcome *b)
{
    must(a->head == b->head, "the head's result depends on the cuts");
    must(a->why == b->why, "the reason depends on the cuts"); /* static sentences: same pointer */
    if (a->head <= 0)
        return;
    must(a->request.method == b->request.method, "the method differs");
    must_be_same(a->request.target, b->request.target, "the target differs");
    must_be_same(a->request.query, b->request.query, "the query differs");
    must(bytes_equal(a->request.path, b->request.path), "the path differs");
    must(a->request.http_1_0 == b->request.http_1_0 &&
             a->request.keep_alive == b->request.keep_alive &&
             a->request.expect_continue == b->request.expect_continue &&
             a->request.chunked == b->request.chunked &&
             a->request.has_content_length == b->request.has_content_length &&
             a->request.content_length == b->request.content_length,
         "the framing differs");
    must(a->request.headers_count == b->request.headers_count, "the headers differ");
    for (unsigned i = 0; i < a->request.headers_count; i++) {
        must_be_same(a->request.headers[i].name, b->request.headers[i].name, "a name differs");
        must_be_same(a->request.headers[i].value, b->request.headers[i].value, "a value differs");
    }
    must(a->body == b->body, "the body's result depends on the cuts");
    if (a->body < 0)
        return;
    must(a->body_used == b->body_used && a->total == b->total, "the body's end differs");
    must(bytes_equal(strbuf_bytes(&a->out), strbuf_bytes(&b->out)), "the body differs");
}

/* What an accepted head promises to those who read it. */
static void check_promises(struct bytes wire, const struct outcome *o)
{
    const struct http_request *request = &o->request;

    if (o->head <= 0)
        return;
    must((size_t)o->head <= HTTP_HEAD_SIZE_MAX, "a head over its ceiling");
    for (size_t i = 0; i < (size_t)o->head; i++) {
        must(wire.data[i] != '\0', "NUL in an accepted head");
        must(wire.data[i] != '\n' || (i > 0 && wire.data[i - 1] == '\r'), "a bare LF accepted");
        must(wire.data[i] != '\r' || wire.data[i + 1] == '\n', "a bare CR accepted");
    }
    must(!(request->chunked && request->has_content_length), "two framings accepted");
    must(http_request_header_count(request, BYTES("content-length")) <= 1, "two lengths");
    must(http_request_header_count(request, BYTES("host")) <= 1, "two hosts");
    must(request->path.size > 0, "no path");
    (void)http_request_bearer(request);
    (void)http_request_header_has_token(request, BYTES("connection"), BYTES("upgrade"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct outcome whole, split;
    uint32_t cuts;
    char *exact;
    struct bytes wire;

    if (size < 1)
        return 0;
    cuts = data[size - 1]; /* the last byte, so that a seed reads as a request */
    wire.size = size - 1;
    exact = malloc(wire.size ? wire.size : 1);
    must(exact != NULL, "out of memory");
    memcpy(exact, data, wire.size);
    wire.data = exact;

    feed(wire, 0, &whole);
    feed(wire, cuts + 1, &split);
    compare(&whole, &split);
    check_promises(wire, &whole);

    strbuf_done(&whole.out);
    strbuf_done(&split.out);
    free(exact);
    return 0;
}
