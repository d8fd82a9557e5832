/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_stats.c: `mcp-auth stats`: the counters of a running server, once or again and again. */
#include <poll.h>
#include <string.h>

#include "cli.h"

static const char help[] =
    "Usage: mcp-auth stats [--url URL] [--token TOKEN] [--json] [--watch]\n"
    "\n"
    "Shows the counters of a running server with the API key, or with an administrator's token\n"
    "as long as there is one tenant; when it has met others, what is of the own tenant.\n"
    "\n"
    "Options:\n"
    "  --url URL           the server (MCP_AUTH_URL, http://localhost:8000; unix:PATH too)\n"
    "  --token TOKEN       an administrator's token, or the API key (MCP_AUTH_TOKEN)\n"
    "  --token-file FILE   the same out of a file; - is standard input\n"
    "  --json              the server's answer as it is\n"
    "  --watch             again every --interval seconds, until it is stopped\n"
    "  --interval SECONDS  (2)\n"
    "\n"
    "Examples:\n"
    "  mcp-auth stats --token-file admin.token\n"
    "  mcp-auth stats --json | jq .active_connections\n";

static void print_row(int indent, struct bytes key, struct bytes value)
{
    struct strbuf text;
    int width = 30 - indent;

    strbuf_init(&text, 4096);
    json_text_decode(value, &text);
    printf("%*s", indent, "");
    print_clean(stdout, key);
    printf("%*s  ", key.size < (size_t)width ? width - (int)key.size : 0, "");
    print_clean(stdout, strbuf_bytes(&text));
    putchar('\n');
    strbuf_done(&text);
}

static void print_table(struct bytes answer)
{
    struct bytes key, value, inner_key, inner_value;

    while (json_text_next(&answer, &key, &value)) {
        if (value.size == 0 || value.data[0] != '{') {
            print_row(0, key, value);
            continue;
        }
        if (bytes_equal(value, BYTES("{}")))
            continue;
        fputs(style_on(stdout, STYLE_BOLD), stdout);
        print_clean(stdout, key);
        printf("%s\n", style_off(stdout));
        while (json_text_next(&value, &inner_key, &inner_value))
            print_row(2, inner_key, inner_value);
    }
}

static int show(struct call *call, bool json, bool again)
{
    mcp_auth_http_answer answer = {0};
    int r = mcp_auth_http_get(call->http, "/v1/stats", &answer);

    if (r < 0 && r != MCP_AUTH_E_IO) {
        say_error("stats", "%s", mcp_auth_strerror(r));
        return STATUS_FAILURE;
    }
    if (answer.status != 200) {
        call_explain(call, &answer);
        return STATUS_FAILURE;
    }
    if (json) {
        printf("%.*s\n", (int)answer.body_size, answer.body);
        return STATUS_OK;
    }
    if (again && *style_on(stdout, STYLE_BOLD)) /* a terminal: start at its top */
        fputs("\033[H\033[2J", stdout);
    print_table((struct bytes){answer.body, answer.body_size});
    if (again)
        putchar('\n');
    return STATUS_OK;
}

int cmd_stats(struct args *args)
{
    bool json = false, watch = false;
    long seconds = 2;
    struct call call;
    const char *word;
    enum arg arg;
    int status = STATUS_USAGE, r;

    call_init(&call, "stats");
    while ((arg = args_next(args, &word)) == ARG_FLAG) {
        if (strcmp(args->flag, "--help") == 0) {
            print_help(help);
            return finish_output("stats", STATUS_OK);
        }
        if (strcmp(args->flag, "--json") == 0 || strcmp(args->flag, "--watch") == 0) {
            if (!args_no_value(args))
                return STATUS_USAGE;
            *(args->flag[2] == 'j' ? &json : &watch) = true;
        } else if (strcmp(args->flag, "--interval") == 0) {
            if (!args_number(args, 1, 86400, &seconds))
                return STATUS_USAGE;
        } else {
            r = call_flag(&call, args);
            if (r < 0)
                return STATUS_USAGE;
            if (r == 0)
                return args_unknown(args);
        }
    }
    if (arg == ARG_WORD)
        say_error("stats", "%s is not wanted here", word);
    if (arg == ARG_END)
        status = call_open(&call, true);
    while (status == STATUS_OK) {
        status = finish_output("stats", show(&call, json, watch));
        if (!watch)
            break;
        poll(NULL, 0, (int)seconds * 1000);
    }
    call_done(&call);
    return status;
}
