/* SPDX-License-Identifier: Apache-2.0 */
/* policy_receiver.h: the words by which a policy file names who may see an event. */
#ifndef WIRE_POLICY_RECEIVER_H
#define WIRE_POLICY_RECEIVER_H

#include "base/compiler.h"
#include "model/policy.h"

/* `subject`, `target`, `admins`, `role:NAME` or `permission:RESOURCE:ACTION`. The name is borrowed
 * from text. MCP_AUTH_E_INVALID with what is wrong about it in ret_reason. */
MUST_CHECK int policy_receiver_read(struct bytes text, struct receiver *ret, char *ret_reason,
                                    size_t reason_size);

#endif
