/* SPDX-License-Identifier: Apache-2.0 */
/* link_stage.h: a link to Redis with a loop, and what has been told of it. */
#ifndef TESTS_LINK_STAGE_H
#define TESTS_LINK_STAGE_H

#include "base/strbuf.h"
#include "broker/redis_link.h"
#include "io/tls_context.h"

struct link_stage {
    struct loop loop;
    struct redis_link *link;
    struct tls_context *tls;
    unsigned ups, downs, answers, pushes;
    char why[512];
    struct strbuf said; /* "tag:text;" of each answer and push; terminated by link_said */
    bool close_in_answer;
};

/* ca_file: NULL without TLS. */
void link_stage_open(struct link_stage *stage, const char *url, const char *password,
                     const char *ca_file);
/* Turns the loop until *count >= least, or for max_ms; whether it came to that. */
bool link_turn(struct link_stage *stage, const unsigned *count, unsigned least, int max_ms);
void link_up(struct link_stage *stage);
void link_down(struct link_stage *stage, const char *word, int max_ms);
/* A command of one or more words, cut at blanks. */
int link_ask(struct link_stage *stage, const char *words, int64_t within_ms, uint64_t tag);
void link_take_push(void *owner, const struct redis_reply *push);
const char *link_said(struct link_stage *stage);
void link_stage_close(struct link_stage *stage);

#endif
