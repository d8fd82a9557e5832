/* SPDX-License-Identifier: Apache-2.0 */
/* publish.h: sends events to a server, and sends again what got no answer. */
#ifndef PUBLISH_H
#define PUBLISH_H

#include "cli.h"

struct publisher {
    struct call call;
    bool json; /* print the server's answers as they are */
    long retry_seconds;
    unsigned long long accepted, duplicates, sent; /* sent: events answered with 202 */
    unsigned long long alone;        /* of these, those that the server delivered without Redis */
    const unsigned long long *lines; /* number of the line of each of its events */
};

/* Posts one body until it is accepted, refused, or the time is over. A status; all is said. */
MUST_CHECK int publisher_send(struct publisher *publisher, const char *content_type,
                              struct bytes body, unsigned events);
/* Events out of standard input, one JSON object a line. A status. */
MUST_CHECK int publish_lines(struct publisher *publisher);
/* `{...}` with an id put in front when it has none, so that it can be sent twice and count once. */
void publish_put_event(struct strbuf *out, struct bytes event);

#endif
