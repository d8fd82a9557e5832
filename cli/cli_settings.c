/* SPDX-License-Identifier: Apache-2.0 */
/* cli_settings.c: settings of a command: as flags, in the environment, in --env-file. */
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cli.h"

int cli_settings_init(struct cli_settings *settings, const char *command)
{
    int r;

    *settings = (struct cli_settings){.command = command};
    r = mcp_auth_options_new(&settings->options);
    if (r < 0)
        say_error(command, "%s", mcp_auth_strerror(r));
    return r < 0 ? STATUS_FAILURE : STATUS_OK;
}

void cli_settings_done(struct cli_settings *settings)
{
    mcp_auth_options_free(settings->options);
    settings->options = NULL;
}

void cli_settings_problem(void *owner, const char *text)
{
    struct cli_settings *settings = owner;

    settings->problems++;
    if (settings->to_log) {
        log_write(LOG_ERROR, "cannot be reloaded", LOG_TEXT("why", bytes_of(text)));
        return;
    }
    say_error(settings->command, "%s", text);
}

/* Does this flag, or the flag of a secret's file, name a setting? */
static bool is_setting(const mcp_auth_options *options, const char *flag)
{
    mcp_auth_option_info info;

    for (size_t i = 0; i < mcp_auth_options_count(); i++) {
        size_t size;

        mcp_auth_options_info(options, i, &info);
        size = strlen(info.flag);
        if (strncmp(flag, info.flag, size) == 0 &&
            (flag[size] == '\0' || (info.secret && strcmp(flag + size, "-file") == 0)))
            return true;
    }
    return false;
}

int cli_settings_flag(struct cli_settings *settings, struct args *args)
{
    const char *value;
    int r;

    if (strcmp(args->flag, "--env-file") == 0) {
        value = args_value(args);
        if (!value)
            return -1;
        if (settings->files_count == ARRAY_COUNT(settings->files)) {
            say_error(settings->command, "--env-file: at most %zu", ARRAY_COUNT(settings->files));
            return -1;
        }
        settings->files[settings->files_count++] = value;
        return 1;
    }
    if (!is_setting(settings->options, args->flag)) {
        if (mcp_auth_options_set(settings->options, args->flag, "x") != MCP_AUTH_E_UNSUPPORTED)
            return 0;
        say_error(settings->command, "%s is not in this version yet", args->flag);
        return -1;
    }
    value = args_value(args);
    if (!value)
        return -1;
    r = mcp_auth_options_set(settings->options, args->flag, value);
    if (r < 0)
        say_error(settings->command, "%s: %s", args->flag, mcp_auth_strerror(r));
    return r < 0 ? -1 : 1;
}

void cli_settings_load(struct cli_settings *settings)
{
    int r = 0;

    /* Each problem has been told when it returns; what is left over is want of memory. */
    for (unsigned i = 0; i < settings->files_count; i++) {
        r = mcp_auth_options_load_file(settings->options, settings->files[i], cli_settings_problem,
                                       settings);
        if (r < 0 && settings->problems == 0)
            cli_settings_problem(settings, mcp_auth_strerror(r));
    }
    r = mcp_auth_options_load_environment(settings->options, environ, cli_settings_problem,
                                          settings);
    if (r < 0 && settings->problems == 0)
        cli_settings_problem(settings, mcp_auth_strerror(r));
}

void print_settings_help(void)
{
    mcp_auth_options *options = NULL;
    mcp_auth_option_info info;

    if (mcp_auth_options_new(&options) < 0)
        return;
    print_help("\nSettings, each also in the environment by its name, and in --env-file:\n");
    for (size_t i = 0; i < mcp_auth_options_count(); i++) {
        mcp_auth_options_info(options, i, &info);
        printf("  %-34s %s%s%s\n", info.flag, style_on(stdout, STYLE_DIM), info.name,
               style_off(stdout));
        printf("      %s", info.help);
        if (info.default_text[0])
            printf(" (%s)", info.default_text);
        putchar('\n');
    }
    mcp_auth_options_free(options);
}
