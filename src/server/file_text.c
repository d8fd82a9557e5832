/* SPDX-License-Identifier: Apache-2.0 */
/* file_text.c: a file that a setting names, read whole. */
#include "server/file_text.h"

#include <errno.h>
#include <stdio.h>

#include "mcp_auth/error.h"

static int fill(struct strbuf *out, FILE *file, size_t size_max, const char **ret_why)
{
    char *data = strbuf_reserve(out, size_max + 1);
    size_t size;

    if (!data)
        return MCP_AUTH_E_NOMEM;
    size = fread(data, 1, size_max + 1, file);
    if (ferror(file)) {
        *ret_why = strerrordesc_np(errno);
        return MCP_AUTH_E_IO;
    }
    strbuf_added(out, size);
    if (size <= size_max)
        return 0;
    *ret_why = NULL; /* too large */
    return MCP_AUTH_E_IO;
}

int file_text_read(struct strbuf *out, const char *setting, const char *path, size_t size_max,
                   settings_problem problem, void *owner)
{
    FILE *file = fopen(path, "re");
    const char *why = file ? NULL : strerrordesc_np(errno);
    char text[14000]; /* a place in a file, and a path beginning with that file's folder */
    int r = MCP_AUTH_E_IO;

    strbuf_init(out, size_max + 1);
    if (file) {
        r = fill(out, file, size_max, &why);
        fclose(file);
    }
    if (r == MCP_AUTH_E_IO) {
        if (why)
            (void)snprintf(text, sizeof text, "%s: %s cannot be read: %s", setting, path, why);
        else
            (void)snprintf(text, sizeof text, "%s: %s is larger than %zu bytes", setting, path,
                           size_max);
        problem(owner, text);
    }
    return r;
}
