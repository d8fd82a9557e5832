/* SPDX-License-Identifier: Apache-2.0 */
/* privacy.h: what others than administrators see of other people, and keys that never leave. */
#ifndef MODEL_PRIVACY_H
#define MODEL_PRIVACY_H

#include <stdbool.h>

#include "base/bytes.h"
#include "model/audience.h"

enum privacy { PRIVACY_FULL, PRIVACY_ID, PRIVACY_NONE };

/* What a view leaves out. user_name belongs to user_id. */
struct privacy_cut {
    bool user_id, user_name, target_user_id;
};

/* same_person: user_id equals target_user_id. Under PRIVACY_FULL nothing is ever cut, so that all
 * views are the same bytes. */
struct privacy_cut privacy_cut(enum privacy privacy, enum view view, bool same_person);
/* The view whose bytes serve this one as well: VIEW_FULL for all under PRIVACY_FULL. */
enum view privacy_view(enum privacy privacy, enum view view);

/* A set of member names compared without case, '_' and '-'. The built-in ones always count. */
struct redaction {
    const struct bytes *more; /* already folded by redaction_fold */
    unsigned more_count;
};
#define REDACT_KEY_SIZE_MAX 64u
/* Folds into ret (REDACT_KEY_SIZE_MAX bytes); 0 when nothing is left or it is too long to match. */
size_t redaction_fold(struct bytes name, char *ret);
bool redaction_matches(const struct redaction *redaction, struct bytes name);

#endif
