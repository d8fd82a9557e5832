/* SPDX-License-Identifier: Apache-2.0 */
/* serve_dev.c: what a development server prints: the page, the demo tokens, commands to paste. */
#include "serve_dev.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "mcp_auth/token.h"

#define EXAMPLE                                                                             \
    "{\"event_type\":\"role_assigned\",\"user_id\":\"admin\",\"target_user_id\":\"alice\"," \
    "\"role_name\":\"editor\"}"

/* "http://localhost:8000" of the first address; for a socket file the address as it is. */
static void put_url(const mcp_auth_server *server, struct strbuf *out)
{
    const char *address = mcp_auth_server_address(server, 0);
    const char *port;

    if (!address || strncmp(address, "unix:", 5) == 0) {
        strbuf_puts(out, address ? address : "");
        return;
    }
    port = strrchr(address, ':');
    /* Both loopbacks have one name; it works whichever of the two the browser tries. */
    if (port && (strncmp(address, "127.0.0.1:", 10) == 0 || strncmp(address, "[::1]:", 6) == 0))
        strbuf_printf(out, "http://localhost%s", port);
    else
        strbuf_printf(out, "http://%s", address);
}

static void heading(const char *text)
{
    printf("\n%s%s%s\n", style_on(stdout, STYLE_BOLD), text, style_off(stdout));
}

/* Prints each token and keeps the last one, which is the administrator's. */
static void print_tokens(struct bytes json, struct strbuf *ret_admin)
{
    struct bytes list, key, item, name, token, roles;

    if (!json_text_find(json, "tokens", &list))
        return;
    while (json_text_next(&list, &key, &item)) {
        struct strbuf text;

        if (!json_text_find(item, "name", &name) || !json_text_find(item, "token", &token) ||
            !json_text_find(item, "roles", &roles))
            continue;
        strbuf_init(&text, 20 * 1024);
        json_text_decode(name, &text);
        printf("  %-6.*s", (int)text.size, strbuf_bytes(&text).data);
        strbuf_reset(&text);
        json_text_decode(token, &text);
        printf(" %.*s\n", (int)text.size, strbuf_bytes(&text).data);
        strbuf_reset(ret_admin);
        strbuf_put_bytes(ret_admin, strbuf_bytes(&text));
        strbuf_done(&text);
    }
}

/* How this very program is called, so that the line works where it is pasted. */
static void put_program(struct strbuf *out)
{
    char path[PATH_MAX]; /* whole, so that it can be pasted anywhere */
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);

    if (size > 0)
        strbuf_put(out, path, (size_t)size);
    else
        strbuf_puts(out, "mcp-auth");
}

static void print_commands(struct bytes url, struct bytes token)
{
    bool is_unix = bytes_starts_with(url, BYTES("unix:"));
    struct strbuf program;

    strbuf_init(&program, PATH_MAX + 16);
    put_program(&program);
    heading("Publish an event (paste one of these into another terminal)");
    if (is_unix)
        printf("  curl --unix-socket '%s' http://localhost/v1/events", url.data + 5);
    else
        printf("  curl %s/v1/events", url.data);
    printf(" -H 'Content-Type: application/json' -H 'Authorization: Bearer %.*s' -d '" EXAMPLE
           "'\n\n",
           (int)token.size, token.data);
    printf("  %.*s publish", (int)program.size, strbuf_bytes(&program).data);
    if (!bytes_equal(url, BYTES(CALL_DEFAULT_URL)))
        printf(" --url %s", url.data);
    printf(" --type role_assigned --user admin --target alice --role editor --token %.*s\n",
           (int)token.size, token.data);
    strbuf_done(&program);
}

void serve_dev_print(const mcp_auth_server *server)
{
    struct strbuf url, admin;
    char *json = NULL;

    strbuf_init(&url, 512);
    strbuf_init(&admin, 20 * 1024);
    put_url(server, &url);
    if (strbuf_terminate(&url) < 0 || mcp_auth_server_dev_tokens(server, &json) < 0) {
        say_error("serve", "%s", mcp_auth_strerror(MCP_AUTH_E_NOMEM));
    } else {
        printf("%smcp-auth %s%s, for development: loopback only, nothing is kept\n",
               style_on(stdout, STYLE_GREEN), MCP_AUTH_VERSION, style_off(stdout));
        heading("Open");
        printf("  %s%s\n", url.data, url.data[0] == 'u' ? "" : "/");
        heading("Demo tokens, valid for 12 hours and for this run");
        print_tokens(bytes_of(json), &admin);
        if (admin.size)
            print_commands(strbuf_bytes(&url), strbuf_bytes(&admin));
        else
            puts("  none: there is no shared secret to sign them with");
        printf("\nCtrl-C stops it.\n\n");
    }
    fflush(stdout);
    if (admin.data)
        explicit_bzero(admin.data, admin.size);
    mcp_auth_text_free(json);
    strbuf_done(&admin);
    strbuf_done(&url);
}
