/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_config.c: `mcp-auth config`: every setting, its value, where it comes from, and its help. */
#include <string.h>

#include "cli.h"

static const char help[] =
    "Usage: mcp-auth config [--check | --names] [--env-file FILE] [SETTINGS]\n"
    "\n"
    "Prints every setting with its value, where the value comes from, what is allowed, and what\n"
    "it does. Flags win over the environment, the environment over --env-file, that over defaults.\n"
    "Secrets are never shown. The exit status is 1 when something is wrong.\n"
    "\n"
    "Options:\n"
    "  --check           print nothing but what is wrong, as `serve` would see it\n"
    "  --names           print the names only\n"
    "  --env-file FILE   lines of NAME=value  # comment; may be given more than once\n"
    "\n"
    "Examples:\n"
    "  mcp-auth config\n"
    "  mcp-auth config --check --env-file production.env\n";

enum show { SHOW_ALL, SHOW_CHECK, SHOW_NAMES };

static void print_source(const mcp_auth_option_info *info)
{
    static const char *const words[] = {
        [MCP_AUTH_SOURCE_DEFAULT] = "default",
        [MCP_AUTH_SOURCE_FILE] = "file",
        [MCP_AUTH_SOURCE_ENVIRONMENT] = "environment",
        [MCP_AUTH_SOURCE_FLAG] = "flag",
    };

    print_clean(stdout, bytes_of(info->where ? info->where : words[info->source]));
}

static void print_setting(const mcp_auth_option_info *info)
{
    bool set = info->source != MCP_AUTH_SOURCE_DEFAULT;

    printf("%s%s%s=%s", style_on(stdout, STYLE_BOLD), info->name, style_off(stdout),
           style_on(stdout, set ? STYLE_GREEN : STYLE_NONE));
    print_clean(stdout, bytes_of(info->value));
    printf("%s  %s# ", style_off(stdout), style_on(stdout, STYLE_DIM));
    print_source(info);
    printf("%s\n    %s\n    %s%s; %s", style_off(stdout), info->help, style_on(stdout, STYLE_DIM),
           info->flag, info->range);
    if (info->secret)
        printf("; also as %s_FILE", info->name);
    printf("%s\n", style_off(stdout));
}

/* The sum of what is wrong, in a way that --check says what `serve` would. */
static int check(struct cli_settings *settings, bool for_server)
{
    int r = mcp_auth_options_check(settings->options, for_server, cli_settings_problem, settings);

    if (r < 0 && settings->problems == 0)
        cli_settings_problem(settings, mcp_auth_strerror(r));
    return settings->problems ? STATUS_FAILURE : STATUS_OK;
}

static int run(struct cli_settings *settings, struct args *args)
{
    enum show show = SHOW_ALL;
    mcp_auth_option_info info;
    const char *word;
    enum arg arg;
    int r;

    while ((arg = args_next(args, &word)) == ARG_FLAG) {
        if (strcmp(args->flag, "--help") == 0) {
            print_help(help);
            print_settings_help();
            return STATUS_OK;
        }
        if (strcmp(args->flag, "--check") == 0 || strcmp(args->flag, "--names") == 0) {
            if (!args_no_value(args))
                return STATUS_USAGE;
            show = args->flag[2] == 'c' ? SHOW_CHECK : SHOW_NAMES;
            continue;
        }
        r = cli_settings_flag(settings, args);
        if (r < 0)
            return STATUS_USAGE;
        if (r == 0)
            return args_unknown(args);
    }
    if (arg == ARG_WORD)
        say_error("config", "%s is not wanted here; settings are flags", word);
    if (arg != ARG_END)
        return STATUS_USAGE;

    if (show != SHOW_NAMES)
        cli_settings_load(settings);
    for (size_t i = 0; show != SHOW_CHECK && i < mcp_auth_options_count(); i++) {
        mcp_auth_options_info(settings->options, i, &info);
        if (show == SHOW_NAMES)
            puts(info.name);
        else
            print_setting(&info);
    }
    if (show == SHOW_NAMES)
        return STATUS_OK;
    r = check(settings, show == SHOW_CHECK);
    if (show == SHOW_CHECK && r == STATUS_OK)
        puts("The settings are good.");
    return r;
}

int cmd_config(struct args *args)
{
    struct cli_settings settings;
    int status = cli_settings_init(&settings, args->command);

    if (status == STATUS_OK)
        status = run(&settings, args);
    cli_settings_done(&settings);
    return finish_output(args->command, status);
}
