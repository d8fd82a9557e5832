/* SPDX-License-Identifier: Apache-2.0 */
/* test_privacy.c: what each view leaves out, and which names are secret however they are spelt. */
#include "model/privacy.h"

#include "unit.h"

TEST(each_view_cuts_what_the_privacy_says_of_other_people)
{
    static const struct {
        enum privacy privacy;
        enum view view;
        bool same_person;
        struct privacy_cut cut; /* user_id, user_name, target_user_id */
    } rows[] = {
        {PRIVACY_FULL, VIEW_WATCHER, false, {0, 0, 0}},
        {PRIVACY_FULL, VIEW_TARGET, false, {0, 0, 0}},
        {PRIVACY_ID, VIEW_FULL, false, {0, 0, 0}},
        {PRIVACY_NONE, VIEW_FULL, false, {0, 0, 0}},
        {PRIVACY_ID, VIEW_SUBJECT, false, {0, 0, 0}},
        {PRIVACY_ID, VIEW_SUBJECT, true, {0, 0, 0}},
        {PRIVACY_ID, VIEW_TARGET, false, {0, 1, 0}},
        {PRIVACY_ID, VIEW_TARGET, true, {0, 0, 0}},
        {PRIVACY_ID, VIEW_WATCHER, false, {0, 1, 0}},
        {PRIVACY_ID, VIEW_WATCHER, true, {0, 1, 0}},
        {PRIVACY_NONE, VIEW_SUBJECT, false, {0, 0, 1}},
        {PRIVACY_NONE, VIEW_SUBJECT, true, {0, 0, 0}},
        {PRIVACY_NONE, VIEW_TARGET, false, {1, 1, 0}},
        {PRIVACY_NONE, VIEW_TARGET, true, {0, 0, 0}},
        {PRIVACY_NONE, VIEW_WATCHER, false, {1, 1, 1}},
        {PRIVACY_NONE, VIEW_WATCHER, true, {1, 1, 1}},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct privacy_cut cut = privacy_cut(rows[i].privacy, rows[i].view, rows[i].same_person);

        CHECK_EQ(cut.user_id, rows[i].cut.user_id);
        CHECK_EQ(cut.user_name, rows[i].cut.user_name);
        CHECK_EQ(cut.target_user_id, rows[i].cut.target_user_id);
    }
}

/* Otherwise frames would be shared between views that differ. */
TEST(a_view_that_serves_another_cuts_the_same)
{
    for (int p = PRIVACY_FULL; p <= PRIVACY_NONE; p++)
        for (int v = 0; v < VIEWS; v++)
            for (int same = 0; same < 2; same++) {
                enum view serving = privacy_view((enum privacy)p, (enum view)v);
                struct privacy_cut a = privacy_cut((enum privacy)p, (enum view)v, same);
                struct privacy_cut b = privacy_cut((enum privacy)p, serving, same);

                CHECK(a.user_id == b.user_id && a.user_name == b.user_name &&
                      a.target_user_id == b.target_user_id);
                if (p == PRIVACY_FULL || v == VIEW_FULL)
                    CHECK_EQ(serving, VIEW_FULL);
            }
}

TEST(secret_names_are_found_in_every_spelling)
{
    static const char *const secret[] = {
        "password",
        "Password",
        "PASS_WORD",
        "p-a-s-s-w-o-r-d",
        "passwd",
        "passphrase",
        "secret",
        "client_secret",
        "clientSecret",
        "token",
        "access-token",
        "accessToken",
        "refresh_token",
        "id_token",
        "Authorization",
        "api_key",
        "API-KEY",
        "apiKey",
        "private_key",
        "credential",
        "credentials",
        "cookie",
        "Set-Cookie",
        "__token__",
        "________________________________________________________________________token"};
    static const char *const plain[] = {"",          "_",           "passwords",   "tokens",
                                        "secretary", "token count", "my_password", "cookies",
                                        "user",      "toke\xc5\x88"};

    for (size_t i = 0; i < sizeof secret / sizeof secret[0]; i++)
        CHECK(redaction_matches(NULL, bytes_of(secret[i])));
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        CHECK(!redaction_matches(NULL, bytes_of(plain[i])));
}

TEST(configured_names_count_beside_the_built_in_ones)
{
    char room[REDACT_KEY_SIZE_MAX];
    struct bytes more[] = {{room, redaction_fold(BYTES("Card-Number"), room)}};
    struct redaction redaction = {more, 1};

    CHECK_TEXT(more[0], "cardnumber");
    CHECK(redaction_matches(&redaction, BYTES("card_number")));
    CHECK(redaction_matches(&redaction, BYTES("token")));
    CHECK(!redaction_matches(&redaction, BYTES("card_numbers")));
}

TEST(folding_gives_nothing_for_nothing_and_for_what_is_too_long)
{
    char name[REDACT_KEY_SIZE_MAX + 1], room[REDACT_KEY_SIZE_MAX];

    memset(name, 'X', sizeof name);
    CHECK_EQ(redaction_fold(BYTES(""), room), 0);
    CHECK_EQ(redaction_fold(BYTES("-_-"), room), 0);
    CHECK_EQ(redaction_fold((struct bytes){name, REDACT_KEY_SIZE_MAX}, room), REDACT_KEY_SIZE_MAX);
    CHECK_EQ(room[0], 'x');
    CHECK_EQ(redaction_fold((struct bytes){name, sizeof name}, room), 0);
}
