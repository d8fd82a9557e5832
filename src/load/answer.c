/* SPDX-License-Identifier: Apache-2.0 */
/* answer.c: reads the answer to an HTTP request as it arrives (RFC 9112). */
#include "load/answer.h"

#include "client/response_head.h"

#define LENGTH_DIGITS_MAX 10u

void answer_init(struct answer *answer)
{
    *answer = (struct answer){0};
    strbuf_init(&answer->head, ANSWER_HEAD_SIZE_MAX);
    strbuf_init(&answer->body, ANSWER_BODY_SIZE_MAX);
}

void answer_done(struct answer *answer)
{
    strbuf_done(&answer->head);
    strbuf_done(&answer->body);
}

void answer_reset(struct answer *answer)
{
    strbuf_reset(&answer->head);
    strbuf_reset(&answer->body);
    answer->in_body = answer->last = false;
    answer->status = 0;
}

static bool take_length(struct bytes text, uint64_t *ret)
{
    uint64_t length = 0;

    if (text.size == 0 || text.size > LENGTH_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        length = length * 10 + (uint64_t)(text.data[i] - '0');
    }
    *ret = length;
    return true;
}

/* How the body ends (section 6.3). One without a length ends with the connection, which would cost
 * a connection a request: no server of ours does that. */
static bool begin_body(struct answer *answer)
{
    struct bytes head = strbuf_bytes(&answer->head);
    struct bytes coding = response_field(head, BYTES("Transfer-Encoding"));
    struct http_request framing = {0};

    answer->status = response_status(head);
    answer->last = response_list_has(response_field(head, BYTES("Connection")), BYTES("close"));
    answer->in_body = true;
    framing.chunked = bytes_equal_nocase(coding, BYTES("chunked"));
    if (bytes_present(coding) && !framing.chunked)
        return false;
    if (!framing.chunked && answer->status != 204 && answer->status != 304 &&
        !take_length(response_field(head, BYTES("Content-Length")), &framing.content_length))
        return false;
    http_body_init(&answer->reader, &framing);
    return answer->status >= 200;
}

enum answer_result answer_feed(struct answer *answer, struct bytes data, size_t *ret_used)
{
    struct strbuf *head = &answer->head;
    const char *why;
    size_t used = 0, in_body = 0;
    int r;

    while (!answer->in_body && used < data.size) {
        strbuf_putc(head, data.data[used++]);
        if (head->error)
            return ANSWER_BAD;
        if (head->size >= 4 && memcmp(head->data + head->size - 4, "\r\n\r\n", 4) == 0 &&
            !begin_body(answer))
            return ANSWER_BAD;
    }
    *ret_used = used;
    if (!answer->in_body)
        return ANSWER_NEED_MORE;
    r = http_body_feed(&answer->reader, (struct bytes){data.data + used, data.size - used},
                       &answer->body, &in_body, &why);
    if (r < 0)
        return ANSWER_BAD;
    *ret_used = used + in_body;
    return r ? ANSWER_WHOLE : ANSWER_NEED_MORE;
}
