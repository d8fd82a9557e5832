/* SPDX-License-Identifier: Apache-2.0 */
/* refusal.h: the JSON of an error: {"error":{"code","message","details"?}}. */
#ifndef NET_REFUSAL_H
#define NET_REFUSAL_H

#include "base/strbuf.h"
#include "model/codes.h"

/* Where in the body it went wrong; each is left out when it is -1 or absent. */
struct refusal_details {
    int index; /* of the event in the batch */
    struct bytes member, reason;
};

/* message absent: the code's own meaning. details NULL: none. */
void refusal_write(struct strbuf *out, enum error_code code, struct bytes message,
                   const struct refusal_details *details);
#define REFUSAL_SIZE_MAX 4096u

/* The code for a status that the HTTP parser answered with. */
enum error_code refusal_code(int status);

#endif
