/* SPDX-License-Identifier: Apache-2.0 */
/* privacy.c: what a view leaves out, and which member names are secret. */
#include "model/privacy.h"

#include <assert.h>

#include "base/compiler.h"

struct privacy_cut privacy_cut(enum privacy privacy, enum view view, bool same_person)
{
    bool subject_is_other, target_is_other;

    assert(view < VIEWS);
    if (privacy == PRIVACY_FULL || view == VIEW_FULL)
        return (struct privacy_cut){0};

    subject_is_other = view == VIEW_WATCHER || (view == VIEW_TARGET && !same_person);
    target_is_other = view == VIEW_WATCHER || (view == VIEW_SUBJECT && !same_person);
    return (struct privacy_cut){
        .user_id = privacy == PRIVACY_NONE && subject_is_other,
        .user_name = subject_is_other,
        .target_user_id = privacy == PRIVACY_NONE && target_is_other,
    };
}

enum view privacy_view(enum privacy privacy, enum view view)
{
    assert(view < VIEWS);
    if (privacy == PRIVACY_FULL)
        return VIEW_FULL;
    /* Only user_name is cut then, and it is the subject's own. */
    if (privacy == PRIVACY_ID && view == VIEW_SUBJECT)
        return VIEW_FULL;
    return view;
}

#define TEXT(literal)                \
    {                                \
        literal, sizeof(literal) - 1 \
    }

/* Protocol, "Event frame". Folded, so client_secret and Client-Secret are here as clientsecret. */
static const struct bytes secret_names[] = {
    TEXT("password"),     TEXT("passwd"),        TEXT("passphrase"),  TEXT("secret"),
    TEXT("clientsecret"), TEXT("token"),         TEXT("accesstoken"), TEXT("refreshtoken"),
    TEXT("idtoken"),      TEXT("authorization"), TEXT("apikey"),      TEXT("privatekey"),
    TEXT("credential"),   TEXT("credentials"),   TEXT("cookie"),      TEXT("setcookie"),
};

size_t redaction_fold(struct bytes name, char *ret)
{
    size_t size = 0;

    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];

        if (c == '_' || c == '-')
            continue;
        if (size == REDACT_KEY_SIZE_MAX)
            return 0;
        ret[size++] = ascii_lower(c);
    }
    return size;
}

bool redaction_matches(const struct redaction *redaction, struct bytes name)
{
    char room[REDACT_KEY_SIZE_MAX];
    struct bytes folded = {room, redaction_fold(name, room)};

    if (folded.size == 0)
        return false;
    for (size_t i = 0; i < ARRAY_COUNT(secret_names); i++)
        if (bytes_equal(secret_names[i], folded))
            return true;
    for (unsigned i = 0; redaction && i < redaction->more_count; i++)
        if (bytes_equal(redaction->more[i], folded))
            return true;
    return false;
}
