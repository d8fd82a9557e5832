/* SPDX-License-Identifier: Apache-2.0 */
/* close_action.h: what a close code asks of a client. */
#ifndef CLIENT_CLOSE_ACTION_H
#define CLIENT_CLOSE_ACTION_H

/* The ranges of protocol/close_codes.json. */
enum close_action { CLOSE_STOP, CLOSE_RENEW, CLOSE_RETRY, CLOSE_RESYNC };

/* 1005 and 1006 too: the connection ended without a code. */
enum close_action close_action_of(unsigned code);

#endif
