/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_publish.c: `mcp-auth publish`: one event out of flags, or many from standard input. */
#include <string.h>
#include <unistd.h>

#include "publish.h"

static const char help[] =
    "Usage: mcp-auth publish --type TYPE [FLAGS]\n"
    "       mcp-auth publish [FLAGS] < EVENTS\n"
    "\n"
    "Publishes one event described by flags, or events from standard input, one JSON object a\n"
    "line. What gets no answer is sent again with the same ids, so that it counts once.\n"
    "\n"
    "Options:\n"
    "  --type TYPE         permission_granted permission_denied permission_revoked\n"
    "                      role_assigned role_revoked role_modified\n"
    "                      user_created user_updated user_deleted\n"
    "                      security_violation suspicious_activity access_denied\n"
    "                      policy_updated configuration_changed\n"
    "  --user ID           who did it, or whom it is about (user_id)\n"
    "  --user-name NAME    that person's name\n"
    "  --target ID         whom it was done to (target_user_id)\n"
    "  --role NAME         the role that changed hands (role_name)\n"
    "  --permission P      the permission\n"
    "  --resource R        the resource\n"
    "  --resource-id ID    which one of them\n"
    "  --action A          the action\n"
    "  --message TEXT      what people read; without it the server writes one\n"
    "  --level LEVEL       LOW, INFO, MEDIUM, WARNING, HIGH or CRITICAL (security_level)\n"
    "  --data JSON         an object with more\n"
    "  --id ID             an id of your own; the same id is delivered once\n"
    "  --tenant ID         for holders of the API key (tenant_id)\n"
    "  --url URL           the server (MCP_AUTH_URL, http://localhost:8000; unix:PATH too)\n"
    "  --token TOKEN       of an administrator or publisher, or the API key (MCP_AUTH_TOKEN)\n"
    "  --token-file FILE   the same out of a file\n"
    "  --retry-seconds N   how long to try again (30)\n"
    "  --json              print the server's answers\n"
    "\n"
    "Examples:\n"
    "  mcp-auth publish --type role_assigned --user admin --target alice --role editor\n"
    "  mcp-auth publish --type security_violation --user bob --level HIGH --data '{\"ip\":\"::1\"}'\n"
    "  echo '{\"event_type\":\"policy_updated\"}' | mcp-auth publish\n";

static const struct member {
    const char *flag, *name;
} members[] = {
    {"--type", "event_type"},
    {"--user", "user_id"},
    {"--user-name", "user_name"},
    {"--target", "target_user_id"},
    {"--role", "role_name"},
    {"--permission", "permission"},
    {"--resource", "resource"},
    {"--resource-id", "resource_id"},
    {"--action", "action"},
    {"--message", "message"},
    {"--level", "security_level"},
    {"--data", "data"},
    {"--id", "id"},
    {"--tenant", "tenant_id"},
};
#define MEMBER_TYPE 0u
#define MEMBER_DATA 11u

struct event_flags {
    const char *values[ARRAY_COUNT(members)];
    unsigned given;
};

static int event_flag(struct event_flags *event, struct args *args)
{
    for (size_t i = 0; i < ARRAY_COUNT(members); i++) {
        if (strcmp(args->flag, members[i].flag) != 0)
            continue;
        event->values[i] = args_value(args);
        event->given++;
        return event->values[i] ? 1 : -1;
    }
    return 0;
}

/* `data` goes in as it is: the server says what is wrong with it. */
static void compose(const struct event_flags *event, struct strbuf *out)
{
    char before = '{';

    for (size_t i = 0; i < ARRAY_COUNT(members); i++) {
        if (!event->values[i])
            continue;
        strbuf_printf(out, "%c\"%s\":", before, members[i].name);
        if (i == MEMBER_DATA)
            strbuf_puts(out, event->values[i]);
        else
            json_text_put(out, bytes_of(event->values[i]));
        before = ',';
    }
    strbuf_putc(out, '}');
}

static void tell_alone(const struct publisher *publisher)
{
    if (publisher->alone > 0 && !publisher->json)
        say_note("Redis unavailable: this server has delivered %llu of them alone; the others get "
                 "them when it is back",
                 publisher->alone);
}

static int publish_one(struct publisher *publisher, const struct event_flags *event)
{
    struct strbuf composed, body;
    int status = STATUS_FAILURE;

    strbuf_init(&composed, 1024 * 1024);
    strbuf_init(&body, 1024 * 1024 + 64);
    compose(event, &composed);
    publish_put_event(&body, strbuf_bytes(&composed));
    if (composed.error || body.error)
        say_error("publish", "the event is far too large");
    else
        status = publisher_send(publisher, "application/json", strbuf_bytes(&body), 1);
    if (status == STATUS_OK && !publisher->json) {
        struct bytes id = {0};

        (void)json_text_find(strbuf_bytes(&body), "id", &id);
        printf("%s%s%s ", style_on(stdout, STYLE_GREEN),
               publisher->duplicates ? "already published" : "published", style_off(stdout));
        print_clean(stdout, id.size > 2 ? (struct bytes){id.data + 1, id.size - 2} : id);
        putchar('\n');
    }
    tell_alone(publisher);
    strbuf_done(&composed);
    strbuf_done(&body);
    return status;
}

static int publish_many(struct publisher *publisher)
{
    int status;

    if (isatty(STDIN_FILENO))
        say_note("reading events, one JSON object a line; end with Ctrl-D");
    status = publish_lines(publisher);
    if (!publisher->json || status != STATUS_OK) {
        FILE *to = status == STATUS_OK ? stdout : stderr;

        fprintf(to, "published %llu", publisher->accepted);
        if (publisher->duplicates)
            fprintf(to, ", %llu of %llu had been before", publisher->duplicates, publisher->sent);
        fputc('\n', to);
    }
    tell_alone(publisher);
    return status;
}

static int read_flags(struct publisher *publisher, struct event_flags *event, struct args *args)
{
    const char *word;
    enum arg arg;
    int r;

    while ((arg = args_next(args, &word)) != ARG_END) {
        if (arg == ARG_BAD)
            return STATUS_USAGE;
        if (arg == ARG_WORD && strcmp(word, "-") == 0)
            continue; /* standard input is the default */
        if (arg == ARG_WORD) {
            say_error("publish", "%s is not wanted here; see mcp-auth publish --help", word);
            return STATUS_USAGE;
        }
        if (strcmp(args->flag, "--json") == 0) {
            if (!args_no_value(args))
                return STATUS_USAGE;
            publisher->json = true;
            continue;
        }
        if (strcmp(args->flag, "--retry-seconds") == 0) {
            if (!args_number(args, 0, 86400, &publisher->retry_seconds))
                return STATUS_USAGE;
            continue;
        }
        r = event_flag(event, args);
        if (r == 0)
            r = call_flag(&publisher->call, args);
        if (r < 0)
            return STATUS_USAGE;
        if (r == 0)
            return args_unknown(args);
    }
    if (event->given && !event->values[MEMBER_TYPE]) {
        say_error("publish", "what happened? Give --type TYPE");
        return STATUS_USAGE;
    }
    return STATUS_OK;
}

int cmd_publish(struct args *args)
{
    struct publisher publisher = {.retry_seconds = 30};
    struct event_flags event = {0};
    int status;

    for (char **word = args->words; *word; word++) {
        if (strcmp(*word, "--help") == 0 || strcmp(*word, "-h") == 0) {
            print_help(help);
            return finish_output("publish", STATUS_OK);
        }
    }
    call_init(&publisher.call, "publish");
    status = read_flags(&publisher, &event, args);
    if (status == STATUS_OK)
        status = call_open(&publisher.call, true);
    if (status == STATUS_OK)
        status = event.given ? publish_one(&publisher, &event) : publish_many(&publisher);
    call_done(&publisher.call);
    return finish_output("publish", status);
}
