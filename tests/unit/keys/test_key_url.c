/* SPDX-License-Identifier: Apache-2.0 */
/* test_key_url.c: keys come by https, or from this machine, and from nowhere else. */
#include "keys/key_url.h"

#include <stdlib.h>

#include "base/compiler.h"
#include "unit.h"

TEST(addresses_to_be_trusted_are_taken)
{
    static const char *const good[] = {
        "https://idp.example/jwks",      "https://idp.example", "https://[2001:db8::1]:8443/k",
        "https://idp.example:444?x=%20", "http://localhost/k",  "http://LOCALHOST:8080/k",
        "http://127.0.0.1:8080/k",       "http://127.1.2.3",    "http://[::1]:80/k",
    };

    for (unsigned i = 0; i < ARRAY_COUNT(good); i++)
        CHECK(key_url_check(bytes_of(good[i])) == NULL);
}

TEST(others_are_refused_with_a_reason)
{
    static const char *const bad[] = {
        "",
        "https",
        "https://",
        "https:///jwks",
        "HTTPS://idp.example/",
        "ftp://idp.example/",
        "file:///etc/passwd",
        "//idp.example/",
        "http://idp.example/",
        "http://localhost.example/",
        "http://127.evil.example/",
        "http://127.0.0.1.example/",
        "http://[::2]/",
        "http://0.0.0.0/",
        "https://user:word@idp.example/",
        "http://localhost@idp.example/",
        "https://idp.example/#part",
        "https://idp.example/a b",
        "https://idp.example/a\nb",
        "https://idp.example\\@localhost/",
        "https://idp.ex\xc3\xa4mple/",
    };
    char *text = malloc(KEY_URL_SIZE_MAX + 1);

    for (unsigned i = 0; i < ARRAY_COUNT(bad); i++)
        CHECK(key_url_check(bytes_of(bad[i])) != NULL);
    memset(text, 'a', KEY_URL_SIZE_MAX + 1);
    memcpy(text, "https://", 8);
    CHECK(key_url_check((struct bytes){text, KEY_URL_SIZE_MAX}) == NULL);
    CHECK(key_url_check((struct bytes){text, KEY_URL_SIZE_MAX + 1}) != NULL);
    free(text);
}

TEST(the_log_sees_no_query)
{
    CHECK_TEXT(key_url_shown(BYTES("https://a/b?key=1?2")), "https://a/b");
    CHECK_TEXT(key_url_shown(BYTES("https://a/b")), "https://a/b");
}
