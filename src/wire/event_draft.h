/* SPDX-License-Identifier: Apache-2.0 */
/* event_draft.h: an event that is being made: each member checked as it comes, whatever it stood in. */
#ifndef WIRE_EVENT_DRAFT_H
#define WIRE_EVENT_DRAFT_H

#include "base/strbuf.h"
#include "wire/event_in.h"

/* The texts are borrowed from who sets them, from the context and from `data`. */
struct event_draft {
    const struct event_context *context;
    struct event_problem *problem;
    struct event_fields fields;
    struct strbuf data;
    bool type_given;
    unsigned redacted;
};

void event_draft_init(struct event_draft *draft, const struct event_context *context,
                      struct event_problem *problem);
void event_draft_done(struct event_draft *draft);

/* Why it is none: fills the problem and returns the error of the code. */
PRINTF_LIKE(4, 5)
int event_draft_refuse(struct event_draft *draft, enum error_code code, struct bytes member,
                       const char *format, ...);

/* Each of these sets one member, of UTF-8 text, or refuses it. */
MUST_CHECK int event_draft_type(struct event_draft *draft, struct bytes text);
MUST_CHECK int event_draft_id(struct event_draft *draft, struct bytes text);
MUST_CHECK int event_draft_member(struct event_draft *draft, enum event_member member,
                                  struct bytes text);
/* `object` is a JSON value that json_check has found good; secret members are left out. */
MUST_CHECK int event_draft_data(struct event_draft *draft, struct bytes object);

/* Stamps and composes the event when all that is given is set. Once. */
MUST_CHECK int event_draft_finish(struct event_draft *draft, struct event **ret);

#endif
