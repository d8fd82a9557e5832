/* SPDX-License-Identifier: Apache-2.0 */
/* close_action.c: what a close code asks of a client. */
#include "client/close_action.h"

#include "protocol_lists.h"

#define CLOSE_RANGE_ENTRY(name, text, first, last) \
    if (code >= (first) && code <= (last))         \
        return CLOSE_##name;

enum close_action close_action_of(unsigned code)
{
    CLOSE_RANGE_LIST(CLOSE_RANGE_ENTRY)
    /* RFC 6455's own, and none at all: a network that failed, a proxy that ended, a server that
     * was killed. Coming back is right for all of them, and back-off bounds what it costs. */
    return CLOSE_RETRY;
}
