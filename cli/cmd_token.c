/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_token.c: `mcp-auth token`: makes a token for development, or shows what one says. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "mcp_auth/token.h"

static const char help[] =
    "Usage: mcp-auth token --user ID [--role ROLE]... [--permission P]... [FLAGS]\n"
    "       mcp-auth token inspect TOKEN|-\n"
    "\n"
    "Makes a token signed (HS256) with MCP_AUTH_JWT_SECRET and prints it; or shows header and\n"
    "claims of a token, and whether a server with these settings would accept it.\n"
    "\n"
    "Options:\n"
    "  --user ID           whom it is for\n"
    "  --name NAME         the person's name\n"
    "  --role ROLE         a role; may be given more than once\n"
    "  --permission P      a permission such as files:read or files:*; may be given more than once\n"
    "  --tenant ID         the tenant; without it the one without a name\n"
    "  --expires SECONDS   valid for so long (3600)\n"
    "  --env-file FILE     settings of the server, lines of NAME=value\n"
    "  and every setting as a flag: see `mcp-auth config --help`\n"
    "\n"
    "Examples:\n"
    "  MCP_AUTH_JWT_SECRET=... mcp-auth token --user alice --role admin\n"
    "  mcp-auth token --env-file server.env --user ci --permission realtime:publish --expires 600\n"
    "  pbpaste | mcp-auth token inspect -\n";

#define LIST_MAX 256u
#define TOKEN_SIZE_MAX (64u * 1024u)

struct token_flags {
    mcp_auth_token_claims claims;
    const char *roles[LIST_MAX + 1], *permissions[LIST_MAX + 1];
    unsigned roles_count, permissions_count;
    long seconds;
    bool inspect;
    const char *token;
};

static int list_add(struct args *args, const char **list, unsigned *count)
{
    const char *value = args_value(args);

    if (!value)
        return -1;
    if (*count == LIST_MAX) {
        say_error("token", "%s: at most %u", args->flag, LIST_MAX);
        return -1;
    }
    list[(*count)++] = value;
    return 1;
}

/* 1 taken, 0 another flag, negative: said what is wrong. */
static int token_flag(struct token_flags *flags, struct args *args)
{
    const struct {
        const char *flag, **place;
    } texts[] = {
        {"--user", &flags->claims.user},
        {"--name", &flags->claims.name},
        {"--tenant", &flags->claims.tenant},
    };

    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        if (strcmp(args->flag, texts[i].flag) != 0)
            continue;
        *texts[i].place = args_value(args);
        return *texts[i].place ? 1 : -1;
    }
    if (strcmp(args->flag, "--role") == 0)
        return list_add(args, flags->roles, &flags->roles_count);
    if (strcmp(args->flag, "--permission") == 0)
        return list_add(args, flags->permissions, &flags->permissions_count);
    if (strcmp(args->flag, "--expires") == 0)
        return args_number(args, 1, 10L * 365 * 86400, &flags->seconds) ? 1 : -1;
    return 0;
}

static int mint(struct cli_settings *settings, struct token_flags *flags)
{
    char *token = NULL;
    int r;

    if (!flags->claims.user || !*flags->claims.user) {
        say_error("token", "whom is it for? Give --user ID");
        return STATUS_USAGE;
    }
    flags->claims.size = sizeof flags->claims;
    flags->claims.roles = flags->roles;
    flags->claims.permissions = flags->permissions;
    flags->claims.issued_at = (int64_t)time(NULL);
    flags->claims.expires_at = flags->claims.issued_at + flags->seconds;
    r = mcp_auth_token_mint(settings->options, &flags->claims, &token);
    if (r == MCP_AUTH_E_INVALID)
        say_error("token", "cannot make it: set MCP_AUTH_JWT_SECRET (or its _FILE) to the server's "
                           "secret, and use UTF-8 text");
    else if (r == MCP_AUTH_E_UNSUPPORTED)
        say_error("token", "MCP_AUTH_JWT_ALGORITHMS leaves HS256 out, and only that can be made");
    else if (r == MCP_AUTH_E_TOO_BIG)
        say_error("token", "it would be larger than a server takes (16 KiB): give fewer roles and "
                           "permissions");
    else if (r < 0)
        say_error("token", "%s", mcp_auth_strerror(r));
    else
        puts(token);
    mcp_auth_text_free(token);
    return r < 0 ? STATUS_FAILURE : STATUS_OK;
}

/* {"a":1,"b":[..]} with one member a line, the way people read it. */
static void print_object(const char *title, struct bytes object)
{
    struct bytes key, value;

    printf("%s%s%s\n", style_on(stdout, STYLE_BOLD), title, style_off(stdout));
    while (json_text_next(&object, &key, &value)) {
        printf("  ");
        print_clean(stdout, key);
        printf(": ");
        print_clean(stdout, value);
        if (bytes_equal(key, BYTES("exp")) || bytes_equal(key, BYTES("iat")) ||
            bytes_equal(key, BYTES("nbf"))) {
            time_t at = (time_t)strtoll(value.data, NULL, 10);
            struct tm when;
            char text[40];

            if (gmtime_r(&at, &when) && strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &when))
                printf("  %s%s%s", style_on(stdout, STYLE_DIM), text, style_off(stdout));
        }
        putchar('\n');
    }
}

/* Our own words, which hold no escapes: without their quotes. */
static void print_words(struct bytes value)
{
    print_clean(stdout, value.size > 2 ? (struct bytes){value.data + 1, value.size - 2} : value);
}

static void print_verdict(struct bytes answer)
{
    struct bytes signature = {0}, accepted = {0}, why;
    bool good;

    (void)json_text_find(answer, "signature", &signature);
    (void)json_text_find(answer, "accepted", &accepted);
    good = bytes_equal(accepted, BYTES("true"));
    printf("signature: ");
    print_words(signature);
    printf("\naccepted: %s%s%s", style_on(stdout, good ? STYLE_GREEN : STYLE_RED),
           good ? "yes" : "no", style_off(stdout));
    if (json_text_find(answer, "why", &why)) {
        printf(", ");
        print_words(why);
    }
    putchar('\n');
}

static int inspect(struct cli_settings *settings, const char *token)
{
    struct bytes header, claims;
    char *answer = NULL, *text = NULL;
    size_t size;
    int r;

    if (!token) {
        say_error("token", "inspect which one? Give the token, or - to read it");
        return STATUS_USAGE;
    }
    if (strcmp(token, "-") == 0) {
        text = calloc(1, TOKEN_SIZE_MAX + 1);
        size = text ? fread(text, 1, TOKEN_SIZE_MAX, stdin) : 0;
        while (size && strchr(" \t\r\n", text[size - 1]))
            text[--size] = '\0';
        token = text ? text : "";
    }
    r = mcp_auth_token_inspect(settings->options, token, &answer);
    mcp_auth_text_free(text);
    if (r < 0) {
        say_error("token", "%s",
                  r == MCP_AUTH_E_INVALID
                      ? "this is not a token: three parts of base64url with dots between, the "
                        "first two of them JSON"
                      : mcp_auth_strerror(r));
        return STATUS_FAILURE;
    }
    if (json_text_find(bytes_of(answer), "header", &header))
        print_object("header", header);
    if (json_text_find(bytes_of(answer), "claims", &claims))
        print_object("claims", claims);
    print_verdict(bytes_of(answer));
    mcp_auth_text_free(answer);
    return STATUS_OK;
}

static int read_flags(struct cli_settings *settings, struct token_flags *flags, struct args *args)
{
    const char *word;
    enum arg arg;
    int r;

    while ((arg = args_next(args, &word)) != ARG_END) {
        if (arg == ARG_BAD)
            return STATUS_USAGE;
        if (arg == ARG_WORD && !flags->inspect && strcmp(word, "inspect") == 0) {
            flags->inspect = true;
        } else if (arg == ARG_WORD && flags->inspect && !flags->token) {
            flags->token = word;
        } else if (arg == ARG_WORD) {
            say_error("token", "%s is not wanted here; see mcp-auth token --help", word);
            return STATUS_USAGE;
        } else {
            r = token_flag(flags, args);
            if (r == 0)
                r = cli_settings_flag(settings, args);
            if (r < 0)
                return STATUS_USAGE;
            if (r == 0)
                return args_unknown(args);
        }
    }
    return STATUS_OK;
}

int cmd_token(struct args *args)
{
    struct token_flags flags = {.seconds = 3600};
    struct cli_settings settings;
    int status;

    for (char **word = args->words; *word; word++) {
        if (strcmp(*word, "--help") == 0 || strcmp(*word, "-h") == 0) {
            print_help(help);
            return finish_output("token", STATUS_OK);
        }
    }
    status = cli_settings_init(&settings, "token");
    if (status == STATUS_OK)
        status = read_flags(&settings, &flags, args);
    if (status == STATUS_OK) {
        cli_settings_load(&settings);
        if (settings.problems ||
            mcp_auth_options_check(settings.options, false, cli_settings_problem, &settings) < 0)
            status = STATUS_FAILURE;
        else
            status = flags.inspect ? inspect(&settings, flags.token) : mint(&settings, &flags);
    }
    cli_settings_done(&settings);
    return finish_output("token", status);
}
