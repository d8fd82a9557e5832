/* SPDX-License-Identifier: Apache-2.0 */
/* policy_in.h: a policy file becomes a policy, or a list of all its mistakes and their places. */
#ifndef WIRE_POLICY_IN_H
#define WIRE_POLICY_IN_H

#include "model/policy.h"
#include "wire/document.h"

/* docs/policy.md says what the file looks like. What it does not name stays as in policy_default;
 * what withdraws authority by default withdraws as much, or the file says `"unenforced": true`.
 * `told` (may be NULL) is called for each mistake; a file that is not JSON has one, where it ceases
 * to be. On success nothing is told.
 *
 * *ret is a reference of yours: policy_unref. MCP_AUTH_E_INVALID after telling, MCP_AUTH_E_NOMEM. */
MUST_CHECK int policy_in(const struct policy **ret, struct bytes text, document_told told,
                         void *owner);

/* "line 7, column 9 (/events/role_revoked/effect): must be ...", for a log or a terminal. */
#define POLICY_PROBLEM_TEXT_SIZE 600u
void policy_problem_text(const struct document_problem *problem,
                         char ret[POLICY_PROBLEM_TEXT_SIZE]);

#endif
