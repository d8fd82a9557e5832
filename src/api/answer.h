/* SPDX-License-Identifier: Apache-2.0 */
/* answer.h: the JSON of the API's answers: what was accepted, and what was wrong with it. */
#ifndef API_ANSWER_H
#define API_ANSWER_H

#include "base/strbuf.h"
#include "net/exchange.h"
#include "node/node.h"

/* {"accepted":n,"degraded":bool,"redacted"?:n,"events":[{"id","position"?,"duplicate"?}]} */
void answer_accepted(struct strbuf *out, const struct publication *publication, unsigned redacted);

/* The words for a body that was refused: the message names the member, and where is in details. */
struct answer_problem {
    enum error_code code;
    struct bytes message; /* in `text`, or static */
    struct refusal_details details;
    char text[sizeof((struct event_problem *)0)->member + 2 +
              sizeof((struct event_problem *)0)->reason];
};
/* Borrows from `problem`. */
void answer_of_ingest(const struct ingest_problem *problem, struct answer_problem *ret);

/* Is this Content-Type (perhaps with parameters) of that media type? (RFC 9110 section 8.3.1) */
bool answer_media_type_is(struct bytes content_type, struct bytes media_type);

#endif
