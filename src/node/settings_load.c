/* SPDX-License-Identifier: Apache-2.0 */
/* settings_load.c: settings out of a file of KEY=value lines, and out of the environment. */
#include "node/settings.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "mcp_auth/error.h"
#include "node/settings_table.h"

/* Room for 200 lines of the longest values we know of; more is not a file of settings. */
#define FILE_SIZE_MAX (1024u * 1024u)
#define NAME_SHOWN_MAX 80

/* One load: who is told, what the values came from, and whether anything was wrong. */
struct load {
    struct settings_builder *builder;
    settings_problem problem;
    void *owner;
    enum setting_source source;
    const char *path; /* NULL: the environment */
    unsigned line;
    unsigned lines[2][SETTINGS_COUNT]; /* where each was given before, its _FILE form too; or 0 */
    int result;
};

static void PRINTF_LIKE(2, 3) load_problem(struct load *load, const char *format, ...)
{
    struct strbuf text;
    char words[1024];
    va_list list;

    va_start(list, format);
    vsnprintf(words, sizeof words, format, list);
    va_end(list);
    strbuf_init(&text, 8192);
    if (load->path)
        strbuf_printf(&text, "%s:%u: ", load->path, load->line);
    strbuf_puts(&text, words);
    if (strbuf_terminate(&text) == 0)
        load->problem(load->owner, text.data);
    strbuf_done(&text);
    if (load->result == 0)
        load->result = MCP_AUTH_E_INVALID;
}

/* Names that belong to the command line, to clients, or to how a test finds the program. */
static bool is_for_others(const char *name)
{
    static const char *const others[] = {"MCP_AUTH_BIN", "MCP_AUTH_URL", "MCP_AUTH_TOKEN",
                                         "MCP_AUTH_TOKEN_FILE"};

    for (size_t i = 0; i < ARRAY_COUNT(others); i++)
        if (strcmp(name, others[i]) == 0)
            return true;
    return false;
}

/* A name of ours that we do not know is an error: a slip must not quietly drop a safeguard. What
 * does not begin like ours belongs to somebody else, unless it is one slip away. */
static void load_unknown(struct load *load, const char *name)
{
    const char *suggestion = settings_suggestion(name);
    bool ours = strncmp(name, "MCP_AUTH_", 9) == 0;

    if (!ours && !(suggestion && strncmp(name, "WEBSOCKET_", 10) == 0))
        return;
    if (suggestion)
        load_problem(load, "%.*s is not a setting; did you mean %s?", NAME_SHOWN_MAX, name,
                     suggestion);
    else
        load_problem(load, "%.*s is not a setting; `mcp-auth config --names` lists them",
                     NAME_SHOWN_MAX, name);
}

/* Two lines of one file have no order of strength: which one was meant, nobody knows. The first is
 * the one that is kept and looked at. An empty value counts: it may be meant to take back the other. */
static bool is_double(struct load *load, const char *name)
{
    bool file;
    int index = setting_find_named(name, &file);
    unsigned *line;

    if (index < 0 || !load->path)
        return false;
    line = &load->lines[file][index];
    if (*line == 0) {
        *line = load->line;
        return false;
    }
    load_problem(load, "%s was given in line %u already; keep one", name, *line);
    return true;
}

static void load_value(struct load *load, const char *name, struct bytes value)
{
    struct strbuf where;
    int r;

    if (is_for_others(name) || is_double(load, name))
        return;
    strbuf_init(&where, 4096 + 32);
    if (load->path)
        strbuf_printf(&where, "%s:%u", load->path, load->line);
    r = strbuf_terminate(&where);
    if (r == 0)
        r = settings_set(load->builder, name, value, load->source, load->path ? where.data : NULL);
    strbuf_done(&where);

    if (r == MCP_AUTH_E_NOT_FOUND)
        load_unknown(load, name);
    else if (r == MCP_AUTH_E_UNSUPPORTED && setting_trim(value).size)
        load_problem(load, "%s is not in this version yet; remove it", name);
    else if (r == MCP_AUTH_E_TOO_BIG)
        load_problem(load, "%s is longer than %u bytes", name, SETTING_SIZE_MAX);
    else if (r == MCP_AUTH_E_INVALID)
        load_problem(load, "%s holds a NUL byte", name);
    else if (r == MCP_AUTH_E_NOMEM)
        load->result = r;
}

static bool is_name(struct bytes name)
{
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];

        if (!(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') && c != '_' &&
            !(i > 0 && ((c >= '0' && c <= '9') || c == '-' || c == '.')))
            return false;
    }
    return name.size > 0;
}

static void load_line(struct load *load, struct bytes line)
{
    char name_text[128];
    struct bytes name;
    const char *equals;

    while (line.size && (line.data[0] == ' ' || line.data[0] == '\t'))
        line.data++, line.size--;
    while (line.size && strchr(" \t\r", line.data[line.size - 1]))
        line.size--;
    if (line.size == 0 || line.data[0] == '#')
        return;
    if (bytes_starts_with(line, BYTES("export ")))
        line.data += 7, line.size -= 7;

    equals = memchr(line.data, '=', line.size);
    name = (struct bytes){line.data, equals ? (size_t)(equals - line.data) : line.size};
    while (name.size && (name.data[0] == ' ' || name.data[0] == '\t'))
        name.data++, name.size--;
    while (name.size && (name.data[name.size - 1] == ' ' || name.data[name.size - 1] == '\t'))
        name.size--;
    /* The line is not shown: it may be the second half of a secret. */
    if (!equals || !is_name(name) || name.size >= sizeof name_text) {
        load_problem(load, "this line is not NAME=value");
        return;
    }
    memcpy(name_text, name.data, name.size);
    name_text[name.size] = '\0';
    load_value(load, name_text,
               (struct bytes){equals + 1, line.size - (size_t)(equals + 1 - line.data)});
}

/* The file's bytes into `out`; 0 or an errno. */
static int read_whole(const char *path, struct strbuf *out)
{
    char *data = strbuf_reserve(out, FILE_SIZE_MAX + 1);
    FILE *file;
    size_t size;
    int error = 0;

    if (!data)
        return ENOMEM;
    file = fopen(path, "re");
    if (!file)
        return errno;
    size = fread(data, 1, FILE_SIZE_MAX + 1, file);
    if (ferror(file))
        error = errno ? errno : EIO;
    else if (size > FILE_SIZE_MAX)
        error = EFBIG;
    else
        strbuf_added(out, size);
    fclose(file);
    return error;
}

int settings_load_file(struct settings_builder *builder, const char *path, settings_problem problem,
                       void *owner)
{
    struct load load = {builder, problem, owner, SOURCE_FILE, path, 0, {{0}}, 0};
    struct strbuf text;
    struct bytes rest;
    int error;

    strbuf_init(&text, FILE_SIZE_MAX + 1);
    error = read_whole(path, &text);
    if (error) {
        load.path = NULL;
        load_problem(&load, "%s cannot be read: %s", path, strerror(error));
        strbuf_done(&text);
        return MCP_AUTH_E_IO;
    }
    rest = strbuf_bytes(&text);
    if (bytes_starts_with(rest, BYTES("\xef\xbb\xbf"))) /* a byte order mark of an editor */
        rest.data += 3, rest.size -= 3;
    while (rest.size && load.result != MCP_AUTH_E_NOMEM) {
        const char *end = memchr(rest.data, '\n', rest.size);
        size_t size = end ? (size_t)(end - rest.data) : rest.size;
        size_t used = end ? size + 1 : size;

        load.line++;
        load_line(&load, (struct bytes){rest.data, size});
        rest.data += used;
        rest.size -= used;
    }
    explicit_bzero(text.data, text.size);
    strbuf_done(&text);
    return load.result;
}

int settings_load_environment(struct settings_builder *builder, char *const *environment,
                              settings_problem problem, void *owner)
{
    struct load load = {builder, problem, owner, SOURCE_ENVIRONMENT, NULL, 0, {{0}}, 0};

    for (; *environment && load.result != MCP_AUTH_E_NOMEM; environment++) {
        const char *equals = strchr(*environment, '=');
        char name[128];
        size_t size = equals ? (size_t)(equals - *environment) : 0;

        if (size == 0 || size >= sizeof name)
            continue;
        memcpy(name, *environment, size);
        name[size] = '\0';
        load_value(&load, name, bytes_of(equals + 1));
    }
    return load.result;
}
