/* SPDX-License-Identifier: Apache-2.0 */
/* mail.h: what is on its way between a bus thread and its hubs, first in, first out. */
#ifndef SIM_MAIL_H
#define SIM_MAIL_H

#include "base/list.h"
#include "hub/hub.h"

struct mail {
    struct list in_order;
    enum {
        MAIL_EFFECT,
        MAIL_ANNOUNCE,
        MAIL_FORGET,
        MAIL_GONE,
        MAIL_REBASE,
        MAIL_ANSWER,
        MAIL_STATE,
        MAIL_DONE,
        MAIL_ASK
    } kind;
    struct entry entry; /* its event is a reference */
    uint64_t serial;    /* of an effect */
    struct position head;
    enum rebase_kind rebase;
    bool ok, isolated;
    struct resume_answer answer;
    struct resume_request request;
    char *keys_text;
    unsigned client; /* of the question, as the driver knows it */
    unsigned client_life;
};

struct mail *mail_post(struct list *box, int kind);
/* Both are borrowed for the call that brings them: they are copied. */
void mail_set_answer(struct mail *mail, const struct resume_answer *answer);
void mail_set_request(struct mail *mail, const struct resume_request *request);
struct mail *mail_take(struct list *box); /* NULL: there is none */
void mail_free(struct mail *mail);
void mail_drop(struct list *box); /* all of it */

#endif
