/* SPDX-License-Identifier: Apache-2.0 */
/* redis_scripts.h: the scripts that run inside Redis, as they are in broker/scripts/. */
#ifndef BROKER_REDIS_SCRIPTS_H
#define BROKER_REDIS_SCRIPTS_H

#include "base/bytes.h"

enum redis_script_name {
    REDIS_SCRIPT_ATTACH,
    REDIS_SCRIPT_PUBLISH,
    REDIS_SCRIPT_EPOCH,
    REDIS_SCRIPT_FENCES,
    REDIS_SCRIPT_FENCES_EXPIRE,
    REDIS_SCRIPTS
};

struct redis_script {
    struct bytes sha1; /* in hex, what EVALSHA asks for */
    struct bytes text;
};

extern const struct redis_script redis_scripts[REDIS_SCRIPTS];

#endif
