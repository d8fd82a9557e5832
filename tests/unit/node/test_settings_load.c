/* SPDX-License-Identifier: Apache-2.0 */
/* test_settings_load.c: a name stands once in an env file, and files are laid over each other. */
#include <stdio.h>
#include <unistd.h>

#include "mcp_auth/error.h"
#include "node/settings.h"
#include "unit.h"

static char told[8192];

static void tell(void *owner, const char *text)
{
    (void)owner;
    strncat(told, text, sizeof told - strlen(told) - 1);
    strncat(told, "\n", sizeof told - strlen(told) - 1);
}

static int load(struct settings_builder *builder, const char *content)
{
    char path[64];
    FILE *file;
    int r;

    (void)snprintf(path, sizeof path, "/tmp/test_settings_load.%ld.env", (long)getpid());
    file = fopen(path, "w");
    CHECK(file != NULL);
    CHECK(fputs(content, file) >= 0);
    CHECK_EQ(fclose(file), 0);
    r = settings_load_file(builder, path, tell, NULL);
    CHECK_EQ(unlink(path), 0);
    return r;
}

/* The last one used to win without a word, and a wrong first one was never told. */
TEST(a_name_twice_in_one_file_is_an_error_that_names_both_lines_and_the_first_is_looked_at)
{
    struct settings_builder *builder;
    struct settings *s;

    told[0] = '\0';
    CHECK_EQ(settings_builder_new(&builder), 0);
    CHECK_EQ(load(builder, "WEBSOCKET_MAX_CONNECTIONS=none\n# between\n"
                           "WEBSOCKET_MAX_CONNECTIONS=5\nMCP_AUTH_API_KEY_FILE=/a\n"
                           "export MCP_AUTH_API_KEY_FILE=\n"),
             MCP_AUTH_E_INVALID);
    CHECK(strstr(told, ".env:3: WEBSOCKET_MAX_CONNECTIONS was given in line 1 already; keep one"));
    CHECK(strstr(told, ".env:5: MCP_AUTH_API_KEY_FILE was given in line 4 already; keep one"));
    CHECK_EQ(settings_finish(builder, tell, NULL, &s), MCP_AUTH_E_INVALID);
    CHECK(strstr(told, "WEBSOCKET_MAX_CONNECTIONS=none"));
    settings_builder_free(builder);

    /* A second file is laid over the first, as before. */
    CHECK_EQ(settings_builder_new(&builder), 0);
    told[0] = '\0';
    CHECK_EQ(load(builder, "WEBSOCKET_MAX_CONNECTIONS=4\n"), 0);
    CHECK_EQ(load(builder, "WEBSOCKET_MAX_CONNECTIONS=5\n"), 0);
    CHECK_TEXT(bytes_of(told), "");
    settings_builder_free(builder);
}
