/* SPDX-License-Identifier: Apache-2.0 */
/* tally.h: what was published for whom, and what of it each connection has received. */
#ifndef LOAD_TALLY_H
#define LOAD_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

/* What one connection has received of one lane. Events of a lane are published one after the other,
 * so they come in the order of their ordinals; `before` has a bit for each of the 64 up to `last`,
 * so that a double is told from one that comes late. */
struct tally_place {
    uint64_t before; /* bit n: ordinal last - n has come */
    uint32_t last;   /* 0: none yet */
};

enum tally_kind {
    TALLY_NEW,
    TALLY_LATE,   /* new, and behind one that was published after it */
    TALLY_DOUBLE, /* or 64 places late: order is promised, so a double is likelier */
};

enum tally_kind tally_take(struct tally_place *place, uint32_t ordinal);

struct tally_audience {
    uint32_t live;             /* connections signed in and not ended */
    uint64_t issued;           /* events sent for it, by all lanes */
    uint64_t refused, unknown; /* of these: answered with an error; never answered */
};

struct tally {
    unsigned lanes, audiences, connections;
    struct tally_audience *audience; /* [audiences] */
    uint32_t *ordinals;              /* [lanes * audiences]: the last one given */
    struct tally_place *places;      /* [connections * lanes] */
    uint64_t *received;              /* [connections]: each event once */
};

/* MCP_AUTH_E_NOMEM. tally_done takes also what failed to init. */
MUST_CHECK int tally_init(struct tally *tally, unsigned lanes, unsigned audiences,
                          unsigned connections);
void tally_done(struct tally *tally);
/* The ordinal of the next event of this lane for this audience. */
uint32_t tally_issue(struct tally *tally, unsigned lane, unsigned audience);
/* Could this lane have sent such an event to that audience? */
bool tally_knows(const struct tally *tally, unsigned lane, unsigned audience, uint32_t ordinal);
enum tally_kind tally_receive(struct tally *tally, unsigned connection, unsigned lane,
                              uint32_t ordinal);

/* Where a connection of an audience stands. */
struct tally_account {
    uint64_t expected; /* published for it, for certain */
    uint64_t missing;  /* and not received */
    uint64_t unsure;   /* not received, and may never have been published: nobody answered */
    uint64_t surplus;  /* received although its publication was refused */
};
struct tally_account tally_account(const struct tally *tally, unsigned connection,
                                   unsigned audience);

#endif
