/* SPDX-License-Identifier: Apache-2.0 */
/* tally.c: what was published for whom, and what of it each connection has received. */
#include "load/tally.h"

#include <assert.h>
#include <stdlib.h>

#include "mcp_auth/error.h"

#define WINDOW 64u

enum tally_kind tally_take(struct tally_place *place, uint32_t ordinal)
{
    uint32_t step;

    if (ordinal > place->last) {
        step = ordinal - place->last;
        place->before = step >= WINDOW ? 1 : place->before << step | 1;
        place->last = ordinal;
        return TALLY_NEW;
    }
    step = place->last - ordinal;
    if (step >= WINDOW || place->before >> step & 1)
        return TALLY_DOUBLE;
    place->before |= UINT64_C(1) << step;
    return TALLY_LATE;
}

int tally_init(struct tally *tally, unsigned lanes, unsigned audiences, unsigned connections)
{
    assert(lanes > 0 && audiences > 0 && connections > 0);
    *tally = (struct tally){.lanes = lanes, .audiences = audiences, .connections = connections};
    tally->audience = calloc(audiences, sizeof *tally->audience);
    tally->ordinals = calloc((size_t)lanes * audiences, sizeof *tally->ordinals);
    tally->places = calloc((size_t)lanes * connections, sizeof *tally->places);
    tally->received = calloc(connections, sizeof *tally->received);
    return tally->audience && tally->ordinals && tally->places && tally->received
               ? 0
               : MCP_AUTH_E_NOMEM;
}

void tally_done(struct tally *tally)
{
    free(tally->audience);
    free(tally->ordinals);
    free(tally->places);
    free(tally->received);
    *tally = (struct tally){0};
}

uint32_t tally_issue(struct tally *tally, unsigned lane, unsigned audience)
{
    assert(lane < tally->lanes && audience < tally->audiences);
    tally->audience[audience].issued++;
    return ++tally->ordinals[(size_t)lane * tally->audiences + audience];
}

bool tally_knows(const struct tally *tally, unsigned lane, unsigned audience, uint32_t ordinal)
{
    return lane < tally->lanes && audience < tally->audiences && ordinal > 0 &&
           ordinal <= tally->ordinals[(size_t)lane * tally->audiences + audience];
}

enum tally_kind tally_receive(struct tally *tally, unsigned connection, unsigned lane,
                              uint32_t ordinal)
{
    enum tally_kind kind;

    assert(connection < tally->connections && lane < tally->lanes);
    kind = tally_take(&tally->places[(size_t)connection * tally->lanes + lane], ordinal);
    if (kind != TALLY_DOUBLE)
        tally->received[connection]++;
    return kind;
}

struct tally_account tally_account(const struct tally *tally, unsigned connection,
                                   unsigned audience)
{
    const struct tally_audience *whom = &tally->audience[audience];
    const uint64_t received = tally->received[connection];
    struct tally_account account = {.expected = whom->issued - whom->refused - whom->unknown};

    assert(connection < tally->connections && audience < tally->audiences);
    /* Of those without an answer, as many count as published as have come. */
    if (received >= account.expected) {
        const uint64_t more = received - account.expected;

        account.surplus = more > whom->unknown ? more - whom->unknown : 0;
        account.unsure = whom->unknown > more ? whom->unknown - more : 0;
        account.expected += more - account.surplus;
        return account;
    }
    account.missing = account.expected - received;
    account.unsure = whom->unknown;
    return account;
}
