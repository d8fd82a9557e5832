/* SPDX-License-Identifier: Apache-2.0 */
/* host.h: a small host program with one event loop, for the tests of this room. */
#ifndef HOST_H
#define HOST_H

#include "front/front.h"
#include "unit.h"

#define HOST_CLIENTS_MAX 400u
#define HOST_SECRET "0123456789abcdef0123456789abcdef0123456789abcdef"

struct host_client {
    struct front_conn *conn; /* NULL once disconnected */
    struct front_loop *loop;
    bool opened, refused, closed, stalls; /* stalls: what it is given is never sent */
    unsigned code, texts, rooms;
    char reason[64];
    char last[4096], all[8192];
    struct front_text *last_text; /* borrowed: to compare */
};

struct host_answer {
    unsigned count;
    int error;
    char text[8192];
};

extern struct front *host_front;
extern struct front_loop *host_loop;
extern struct host_client host_clients[HOST_CLIENTS_MAX];
extern struct host_answer host_answered;

/* Names and values in turn, with NULL behind them. */
void host_begin(const char *name, ...);
void host_end(void); /* disconnects all, frees all */

struct host_client *host_connect(struct front_loop *loop, enum session_kind kind,
                                 const char *authorization, const char *origin);
/* A session client that has signed in. */
struct host_client *host_client(struct front_loop *loop, const char *user, const char *roles);
void host_disconnect(struct host_client *client);
int host_say(struct host_client *client, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Takes what there is now. */
void host_take(struct front_loop *loop);
/* Takes until this is true; fails after ten seconds. */
#define HOST_UNTIL(loop, condition)                    \
    do {                                               \
        for (int tries_ = 0; !(condition); tries_++) { \
            CHECK(tries_ < 1000);                      \
            (void)front_loop_wait(loop, 10);           \
            host_take(loop);                           \
        }                                              \
    } while (0)
/* So long, and what comes is taken. */
void host_idle(struct front_loop *loop, int ms);
/* A token of this user, roles "\"a\",\"b\"". Until the next call. */
const char *host_token(const char *user, const char *roles);
/* One event for this user, with a message of so many bytes. The error of the call. */
int host_publish_to(const char *user, const char *message);
struct front_asker host_asker(struct front_loop *loop);

#endif
