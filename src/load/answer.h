/* SPDX-License-Identifier: Apache-2.0 */
/* answer.h: reads the answer to an HTTP request as it arrives (RFC 9112). */
#ifndef LOAD_ANSWER_H
#define LOAD_ANSWER_H

#include "base/strbuf.h"
#include "codec/http_request.h"

#define ANSWER_HEAD_SIZE_MAX 16384u
/* The answer to a batch of 1,000 events names each: some 130 KiB. */
#define ANSWER_BODY_SIZE_MAX (1024u * 1024u)

enum answer_result {
    ANSWER_NEED_MORE,
    ANSWER_WHOLE, /* status, body, last */
    ANSWER_BAD,   /* not HTTP/1.1 as we understand it, or too large */
};

struct answer {
    struct strbuf head, body;
    struct http_body reader;
    bool in_body;
    int status;
    bool last; /* the server ends the connection after it */
};

void answer_init(struct answer *answer);
void answer_done(struct answer *answer);
void answer_reset(struct answer *answer); /* for the next one; keeps the memory */
/* *ret_used says how many bytes belong to it (all, while more are needed). */
enum answer_result answer_feed(struct answer *answer, struct bytes data, size_t *ret_used);

#endif
