/* SPDX-License-Identifier: Apache-2.0 */
/* call.c: the server that a command talks to: its address, the token, and what answers mean. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define CALL_TIMEOUT_MS 10000
#define TOKEN_FILE_SIZE_MAX (20u * 1024u)

void call_init(struct call *call, const char *command)
{
    *call = (struct call){.command = command};
}

int call_flag(struct call *call, struct args *args)
{
    const char **place = NULL;

    if (strcmp(args->flag, "--url") == 0)
        place = &call->url;
    else if (strcmp(args->flag, "--token") == 0)
        place = &call->token;
    else if (strcmp(args->flag, "--token-file") == 0)
        place = &call->token_file;
    if (!place)
        return 0;
    *place = args_value(args);
    return *place ? 1 : -1;
}

/* The first line of the file, without white space around it. */
static int read_token_file(struct call *call)
{
    FILE *file = strcmp(call->token_file, "-") == 0 ? stdin : fopen(call->token_file, "re");
    size_t size;

    if (!call->token_text)
        call->token_text = calloc(1, TOKEN_FILE_SIZE_MAX + 1);
    if (!file || !call->token_text) {
        say_error(call->command, "--token-file %s: %s", call->token_file, strerror(errno));
        if (file && file != stdin)
            fclose(file);
        return STATUS_FAILURE;
    }
    size = fread(call->token_text, 1, TOKEN_FILE_SIZE_MAX, file);
    if (file != stdin)
        fclose(file);
    call->token_text[size] = '\0';
    call->token = call->token_text + strspn(call->token_text, " \t\r\n");
    call->token_text[call->token - call->token_text + strcspn(call->token, " \t\r\n")] = '\0';
    if (*call->token)
        return STATUS_OK;
    say_error(call->command, "--token-file %s is empty", call->token_file);
    return STATUS_FAILURE;
}

int call_resolve(struct call *call, bool token_needed)
{
    int r;

    if (!call->url)
        call->url = getenv("MCP_AUTH_URL");
    if (!call->url || !*call->url)
        call->url = CALL_DEFAULT_URL;
    if (call->token_file) {
        r = read_token_file(call);
        if (r != STATUS_OK)
            return r;
    }
    if (!call->token)
        call->token = getenv("MCP_AUTH_TOKEN");
    if (token_needed && (!call->token || !*call->token)) {
        say_error(call->command, "no token: give --token, --token-file or MCP_AUTH_TOKEN; "
                                 "`mcp-auth token` makes one, and `serve --dev` prints three");
        return STATUS_USAGE;
    }
    return STATUS_OK;
}

int call_token_again(struct call *call)
{
    if (!call->token_file || strcmp(call->token_file, "-") == 0)
        return STATUS_FAILURE;
    return read_token_file(call);
}

int call_open(struct call *call, bool token_needed)
{
    int r = call_resolve(call, token_needed);

    if (r != STATUS_OK)
        return r;
    r = mcp_auth_http_open(&call->http, call->url, call->token, CALL_TIMEOUT_MS);
    if (r == MCP_AUTH_E_INVALID)
        say_error(call->command,
                  "%s is not an address such as " CALL_DEFAULT_URL
                  " or unix:PATH, or the token holds a character it cannot have",
                  call->url);
    else if (r < 0)
        say_error(call->command, "%s", mcp_auth_strerror(r));
    return r < 0 ? STATUS_FAILURE : STATUS_OK;
}

void call_done(struct call *call)
{
    mcp_auth_http_close(call->http);
    if (call->token_text)
        explicit_bzero(call->token_text, TOKEN_FILE_SIZE_MAX + 1);
    free(call->token_text);
    *call = (struct call){0};
}

static const char *advice(int status)
{
    switch (status) {
    case 401:
        return " Give another --token: this one is unknown, expired or from another server.";
    case 403:
        return " Use the token of an administrator, or one that holds realtime:publish.";
    case 404:
        return " Does --url name an mcp-auth server?";
    case 429:
    case 503:
        return " Try again later.";
    default:
        return "";
    }
}

void call_explain(const struct call *call, const mcp_auth_http_answer *answer)
{
    struct bytes body = {answer->body, answer->body_size}, value;
    struct strbuf text;

    if (answer->status == 0) {
        say_error(call->command,
                  "no answer from %s: %.*s. Is the server running there? "
                  "`mcp-auth serve --dev` starts one; --url names another.",
                  call->url, (int)body.size, body.data);
        return;
    }
    strbuf_init(&text, 4096);
    if (json_text_find(body, "error.message", &value))
        json_text_decode(value, &text);
    if (text.size == 0)
        strbuf_puts(&text, "it gave no reason");
    if (!strchr(".?!", text.data[text.size - 1]))
        strbuf_putc(&text, '.');
    if (strbuf_terminate(&text) == 0)
        say_error(call->command, "%s answered %d: %s%s", call->url, answer->status, text.data,
                  advice(answer->status));
    else
        say_error(call->command, "%s answered %d", call->url, answer->status);
    strbuf_done(&text);
}
