/* SPDX-License-Identifier: Apache-2.0 */
/* test_audience.c: different (kind, tenant, name) have different keys. */
#include "model/audience.h"

#include "unit.h"

TEST(a_key_is_its_kind_tenant_and_name)
{
    char room[AUDIENCE_KEY_MAX];
    size_t size = audience_key_write(room, AUDIENCE_USER, BYTES("acme"), BYTES("alice"));

    CHECK_TEXT(((struct bytes){room, size}), "uacme\x1f"
                                             "alice");
    size = audience_key_write(room, AUDIENCE_ADMINS, (struct bytes){0}, (struct bytes){0});
    CHECK_TEXT(((struct bytes){room, size}), "a\x1f");
    size = audience_key_write(room, AUDIENCE_ANY_PERMISSION, BYTES("t"), BYTES(""));
    CHECK_TEXT(((struct bytes){room, size}), "*t\x1f");
}

TEST(neighbouring_tenants_and_names_do_not_run_together)
{
    static const struct {
        enum audience_kind kind;
        const char *tenant, *name;
    } rows[] = {{AUDIENCE_USER, "a", "bc"}, {AUDIENCE_USER, "ab", "c"},
                {AUDIENCE_USER, "", "abc"}, {AUDIENCE_USER, "abc", ""},
                {AUDIENCE_ROLE, "a", "bc"}, {AUDIENCE_PERMISSION, "a", "bc"}};
    char a[AUDIENCE_KEY_MAX], b[AUDIENCE_KEY_MAX];
    size_t count = sizeof rows / sizeof rows[0];

    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++) {
            struct bytes x = {a, audience_key_write(a, rows[i].kind, bytes_of(rows[i].tenant),
                                                    bytes_of(rows[i].name))};
            struct bytes y = {b, audience_key_write(b, rows[j].kind, bytes_of(rows[j].tenant),
                                                    bytes_of(rows[j].name))};

            CHECK_EQ(bytes_equal(x, y), i == j);
        }
}
