/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_tail.c: `mcp-auth tail`: events as they happen, through lost connections and restarts. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "tail.h"

static const char help[] =
    "Usage: mcp-auth tail [--url URL] [--token TOKEN] [FILTERS] [--json]\n"
    "\n"
    "Shows the events that the token's owner may see, as they happen, one a line. A lost\n"
    "connection is made again, from the last event on; when the server no longer has what\n"
    "happened meanwhile, it says so and goes on. Ctrl-C ends it.\n"
    "\n"
    "Options:\n"
    "  --url URL           the server (MCP_AUTH_URL, http://localhost:8000; unix:PATH too)\n"
    "  --token TOKEN       a user's token; the API key does not sign in (MCP_AUTH_TOKEN)\n"
    "  --token-file FILE   the same out of a file, which is read again when the token ends\n"
    "  --event-type TYPE   only this type; may be repeated, or a list with commas\n"
    "  --resource R        only this resource, or a prefix that ends in *; may be repeated\n"
    "  --min-level LEVEL   LOW, INFO, MEDIUM, WARNING, HIGH or CRITICAL and above\n"
    "  --since-position P  first what came behind this position\n"
    "  --count N           end after N events\n"
    "  --json              each event as JSON, one a line, as it was received\n"
    "  --quiet             nothing about the connection, only events and errors\n"
    "\n"
    "Examples:\n"
    "  mcp-auth tail --token-file alice.token\n"
    "  mcp-auth tail --min-level HIGH --event-type security_violation,access_denied\n"
    "  mcp-auth tail --json | jq -r .message\n";

#define ITEMS_MAX 32u

struct items {
    char *list[ITEMS_MAX + 1]; /* yours; NULL-terminated */
    unsigned count;
};

struct tail {
    struct call call;
    mcp_auth_client *client;
    struct items types, resources;
    const char *level, *position;
    struct strbuf error; /* the server's last error, in its words */
    long count, shown;
    bool json, quiet, failed_output;
    bool degraded; /* the server has said so */
};

/* The handler may only touch these two. */
static volatile sig_atomic_t signalled;
static mcp_auth_client *signal_client;

static void on_signal(int number)
{
    (void)number;
    signalled = 1;
    mcp_auth_client_interrupt(signal_client); /* async-signal-safe, by its promise */
}

static void on_event(void *owner, mcp_auth_client *client, const mcp_auth_client_event *event)
{
    struct tail *tail = owner;

    if (tail->json)
        printf("%s\n", event->json);
    else
        tail_print_line(event);
    /* Flushed for each: a reader behind a pipe sees an event when it happens, and what was shown
     * was shown. */
    tail->failed_output = fflush(stdout) != 0 || ferror(stdout);
    tail->shown++;
    if (tail->failed_output || (tail->count && tail->shown >= tail->count))
        mcp_auth_client_interrupt(client);
}

static void on_gap(void *owner, mcp_auth_client *client, int code, const char *position)
{
    (void)owner, (void)client, (void)position;
    say_error("tail",
              "position lost (%d): the server no longer has what happened meanwhile (it was "
              "restarted, or that is too long ago); events may be missing here. Going on with "
              "what happens now",
              code);
}

static const char *advice(int close_code)
{
    switch (close_code) {
    case 4001:
        return ". Give a user's --token of this server; the API key does not sign in";
    case 4101:
        return ". Give a new --token; with --token-file a renewed file is read again";
    case 4102:
        return ". The token was withdrawn: give one that was made since";
    default:
        return "";
    }
}

static void on_state(void *owner, mcp_auth_client *client, const mcp_auth_client_status *status)
{
    struct tail *tail = owner;

    (void)client;
    if (status->state == MCP_AUTH_CLIENT_STOPPED)
        say_error("tail", "%s: %s (%d)%s", tail->call.url, status->why, status->close_code,
                  advice(status->close_code));
    if (tail->quiet)
        return;
    if (status->state == MCP_AUTH_CLIENT_LIVE) {
        say_note("%s %s", status->resumed ? "resumed at" : "following", tail->call.url);
    } else if (status->state == MCP_AUTH_CLIENT_WAITING) {
        say_note("%s (%d); trying again in %.1f s", status->why, status->close_code,
                 (double)status->retry_ms / 1000.0);
    }
}

/* Said once when it begins, and once when it is over. */
static void heartbeat(struct tail *tail, struct bytes text)
{
    struct bytes bus;
    bool degraded;

    if (!json_text_find(text, "bus", &bus))
        return;
    degraded = bytes_equal(bus, BYTES("\"degraded\""));
    if (degraded && !tail->degraded)
        say_note("Redis unavailable: the server goes on alone; what other instances accept comes "
                 "when it is back");
    else if (!degraded && tail->degraded)
        say_note("Redis is back");
    tail->degraded = degraded;
}

static void on_control(void *owner, mcp_auth_client *client, const char *type, const char *json,
                       size_t json_size)
{
    struct tail *tail = owner;
    struct bytes text = {json, json_size}, value;

    (void)client;
    if (strcmp(type, "scope_changed") == 0 && !tail->quiet)
        say_note("your roles or permissions have changed: what you may see has, too");
    if (strcmp(type, "heartbeat") == 0 && !tail->quiet)
        heartbeat(tail, text);
    if (strcmp(type, "error") == 0 && json_text_find(text, "message", &value)) {
        strbuf_reset(&tail->error);
        json_text_decode(value, &tail->error);
        if (strbuf_terminate(&tail->error) == 0)
            say_error("tail", "the server says: %s", tail->error.data);
    }
}

/* The file may hold a newer token by now; the one on the command line never does. */
static int on_token(void *owner, mcp_auth_client *client, enum mcp_auth_client_token_why why)
{
    struct tail *tail = owner;
    char *before = strdup(tail->call.token ? tail->call.token : "");
    int r = MCP_AUTH_E_EXPIRED;

    if (!before)
        return MCP_AUTH_E_NOMEM;
    if (tail->call.token_file && call_token_again(&tail->call) == STATUS_OK &&
        strcmp(before, tail->call.token) != 0)
        r = mcp_auth_client_set_token(client, tail->call.token);
    else if (why == MCP_AUTH_CLIENT_TOKEN_EXPIRES)
        r = 0;
    explicit_bzero(before, strlen(before));
    free(before);
    return r;
}

/* Adds the flag's value, or with `list` the parts of "a,b". */
static bool items_add(struct items *items, struct args *args, bool list)
{
    const char *value = args_value(args);

    while (value && *value) {
        size_t size = list ? strcspn(value, ",") : strlen(value);
        char *part = size ? strndup(value, size) : NULL;

        if (size && (items->count >= ITEMS_MAX || !part)) {
            free(part);
            say_error(args->command, "%s: at most %u", args->flag, ITEMS_MAX);
            return false;
        }
        if (part)
            items->list[items->count++] = part;
        value += size + (value[size] == ',');
    }
    return value != NULL;
}

static void items_done(struct items *items)
{
    for (unsigned i = 0; i < items->count; i++)
        free(items->list[i]);
}

static int one_flag(struct tail *tail, struct args *args)
{
    const char *flag = args->flag;
    bool *to = strcmp(flag, "--json") == 0    ? &tail->json
               : strcmp(flag, "--quiet") == 0 ? &tail->quiet
                                              : NULL;
    const char **text = strcmp(flag, "--min-level") == 0        ? &tail->level
                        : strcmp(flag, "--since-position") == 0 ? &tail->position
                                                                : NULL;

    if (to) {
        *to = true;
        return args_no_value(args) ? 1 : -1;
    }
    if (text) {
        *text = args_value(args);
        return *text ? 1 : -1;
    }
    if (strcmp(flag, "--event-type") == 0)
        return items_add(&tail->types, args, true) ? 1 : -1;
    if (strcmp(flag, "--resource") == 0)
        return items_add(&tail->resources, args, false) ? 1 : -1;
    if (strcmp(flag, "--count") == 0)
        return args_number(args, 1, 1000000000, &tail->count) ? 1 : -1;
    return call_flag(&tail->call, args);
}

static int open_client(struct tail *tail)
{
    mcp_auth_client_options options = {
        .size = sizeof options,
        .url = tail->call.url,
        .token = tail->call.token,
        .position = tail->position,
        .event_types = tail->types.count ? (const char *const *)tail->types.list : NULL,
        .resources = tail->resources.count ? (const char *const *)tail->resources.list : NULL,
        .min_security_level = tail->level,
        .owner = tail,
        .on_event = on_event,
        .on_gap = on_gap,
        .on_state = on_state,
        .on_control = on_control,
        .on_token = on_token,
        .retry_max_ms = 5000, /* somebody is watching */
    };
    int r = mcp_auth_client_open(&tail->client, &options);

    if (r == MCP_AUTH_E_UNSUPPORTED)
        say_error("tail", "%s: this version speaks no TLS; use http://, ws:// or unix:PATH",
                  tail->call.url);
    else if (r == MCP_AUTH_E_NOT_FOUND)
        say_error("tail",
                  "--event-type or --min-level names what does not exist; `mcp-auth publish "
                  "--help` lists both");
    else if (r == MCP_AUTH_E_INVALID)
        say_error("tail",
                  "%s is not an address such as " CALL_DEFAULT_URL " or unix:PATH, or the token or "
                  "the position holds a character it cannot have",
                  tail->call.url);
    else if (r < 0)
        say_error("tail", "%s", mcp_auth_strerror(r));
    if (r == MCP_AUTH_E_INVALID || r == MCP_AUTH_E_UNSUPPORTED || r == MCP_AUTH_E_NOT_FOUND)
        return STATUS_USAGE;
    return r < 0 ? STATUS_FAILURE : STATUS_OK;
}

static int follow(struct tail *tail)
{
    struct sigaction action = {.sa_handler = on_signal};
    int r = 0;

    signal_client = tail->client;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    while (r == 0 && !signalled && !tail->failed_output &&
           !(tail->count && tail->shown >= tail->count))
        r = mcp_auth_client_run(tail->client, -1);
    if (r == 0 && !tail->quiet && !tail->failed_output && *mcp_auth_client_position(tail->client))
        say_note("to go on from here: mcp-auth tail --since-position %s",
                 mcp_auth_client_position(tail->client));
    /* The client is about to go: a second signal ends the program in the usual way. */
    action.sa_handler = SIG_DFL;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return r == 0 ? STATUS_OK : STATUS_FAILURE;
}

static int read_flags(struct tail *tail, struct args *args)
{
    const char *word;
    enum arg arg;
    int r;

    while ((arg = args_next(args, &word)) == ARG_FLAG) {
        r = one_flag(tail, args);
        if (r < 0)
            return STATUS_USAGE;
        if (r == 0)
            return args_unknown(args);
    }
    if (arg == ARG_WORD)
        say_error("tail", "%s is not wanted here; see mcp-auth tail --help", word);
    return arg == ARG_END ? STATUS_OK : STATUS_USAGE;
}

int cmd_tail(struct args *args)
{
    struct tail tail = {0};
    int status;

    for (char **word = args->words; *word; word++) {
        if (strcmp(*word, "--help") == 0 || strcmp(*word, "-h") == 0) {
            print_help(help);
            return finish_output("tail", STATUS_OK);
        }
    }
    call_init(&tail.call, "tail");
    strbuf_init(&tail.error, 4096);
    status = read_flags(&tail, args);
    if (status == STATUS_OK)
        status = call_resolve(&tail.call, true);
    if (status == STATUS_OK)
        status = open_client(&tail);
    if (status == STATUS_OK)
        status = follow(&tail);
    mcp_auth_client_close(tail.client);
    items_done(&tail.types);
    items_done(&tail.resources);
    strbuf_done(&tail.error);
    call_done(&tail.call);
    if (signalled) /* which may have cut a write short; that is no failure, what comes now may be */
        clearerr(stdout);
    return finish_output("tail", status);
}
