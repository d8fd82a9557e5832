/* SPDX-License-Identifier: Apache-2.0 */
/* net_stage.h: a worker's connections on real descriptors, turned by hand, for tests that count. */
#ifndef NET_STAGE_H
#define NET_STAGE_H

#include "hub/stage.h"
#include "net/conn.h"
#include "server/mail.h"

struct net_stage {
    struct stage stage; /* the hub; its clock is the real one */
    struct settings *settings;
    struct admission *admission;
    struct net_counters counters;
    struct net_config config;
    struct loop loop;
    struct net *net;
    struct mailbox mailbox;
    struct mail mail;
    int64_t next_ms; /* when the last turn wanted the next one */
};

/* The other end of a connection. */
struct far_end {
    int fd;
    size_t size;
    char wire[4096]; /* all that came, terminated */
};

void net_stage_open(struct net_stage *s);
void net_stage_close(struct net_stage *s);
/* One turn, as a worker's thread does it. */
void net_stage_turn(struct net_stage *s);
bool net_stage_at_rest(const struct net_stage *s); /* the last turn wanted no other at once */

/* Connects, and says that much; the server has not looked at it yet. */
void far_end_open(struct far_end *end, struct net_stage *s, const char *words);
/* Signed in at the 101, which has been read away: an administrator, who sees every event. */
void far_end_sign_in(struct far_end *end, struct net_stage *s, const char *user);
void far_end_say(struct far_end *end, const void *data, size_t size);
/* Reads what is there now. How often does this stand in all that came? */
unsigned far_end_count(struct far_end *end, const char *words);
bool far_end_is_over(struct far_end *end); /* the server closed it, and all has been read */
void far_end_close(struct far_end *end);

#endif
