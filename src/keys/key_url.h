/* SPDX-License-Identifier: Apache-2.0 */
/* key_url.h: may keys be fetched from this address? */
#ifndef KEYS_KEY_URL_H
#define KEYS_KEY_URL_H

#include "base/bytes.h"

#define KEY_URL_SIZE_MAX 2048u

/* What is wrong with it, static; NULL when nothing is. https, or http from this machine: who could
 * change the answer on its way would sign in as anybody. */
const char *key_url_check(struct bytes url);
/* Without its query, which may hold a secret: for the log. */
struct bytes key_url_shown(struct bytes url);

#endif
