/* SPDX-License-Identifier: Apache-2.0 */
/* load.h: all that a server is told: settings, issuers and policy, checked against each other. */
#ifndef SERVER_LOAD_H
#define SERVER_LOAD_H

#include "base/strbuf.h"
#include "model/policy.h"
#include "node/settings.h"

struct load {
    struct settings *settings;
    struct issuers *issuers;
    const struct policy *policy;
    struct strbuf notices; /* of keys: keys_next_notice */
};

/* Says all that is wrong. `with_keys`: there must be one; else none is read. On an error nothing is
 * yours. MCP_AUTH_E_INVALID, _IO after telling `problem`; MCP_AUTH_E_NOMEM. */
MUST_CHECK int load_read(struct load *ret, struct settings_builder *builder, bool with_keys,
                         settings_problem problem, void *owner);
void load_done(struct load *load); /* zeroed: fine */

/* The notices as lines of the log. */
void load_log_notices(const struct load *load);

#endif
