/* SPDX-License-Identifier: Apache-2.0 */
/* main.c: the program mcp-auth: finds the command and hands over. */
#include <signal.h>
#include <string.h>

#include "cli.h"

static const struct command {
    const char *name;
    int (*run)(struct args *args);
    const char *summary;
} commands[] = {
    {"serve", cmd_serve, "run the server; --dev to try it at once"},
    {"publish", cmd_publish, "publish events: by flags, or JSON lines on standard input"},
    {"tail", cmd_tail, "follow events live in the terminal; comes back by itself"},
    {"token", cmd_token, "make a token for development, or inspect one"},
    {"stats", cmd_stats, "show the counters of a running server"},
    {"bench", cmd_bench, "put a load on a server: connections, rate, latencies, losses"},
    {"config", cmd_config, "print every setting with its value, source and help"},
    {"version", cmd_version, "print the version"},
};

static void print_usage(void)
{
    print_help("Usage: mcp-auth COMMAND [FLAGS]\n\n"
               "Tells browsers and services about changes of roles and permissions as they "
               "happen,\neach only what it may see.\n\nCommands:\n");
    for (size_t i = 0; i < ARRAY_COUNT(commands); i++)
        printf("  %-9s %s\n", commands[i].name, commands[i].summary);
    print_help("\nExamples:\n"
               "  mcp-auth serve --dev\n"
               "  mcp-auth publish --type role_assigned --target alice --role editor\n"
               "  mcp-auth token --user alice --role admin\n"
               "\nEach command explains itself: mcp-auth COMMAND --help\n");
}

int main(int argc, char **argv)
{
    struct args args = {.command = ""};
    const char *name;

    style_init();
    /* A reader that went away is an error of the write, not the end of the program. */
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    if (argc < 2) {
        print_usage();
        return finish_output("", STATUS_USAGE);
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_usage();
        return finish_output("", STATUS_OK);
    }
    name = strcmp(argv[1], "--version") == 0 ? "version" : argv[1];
    for (size_t i = 0; i < ARRAY_COUNT(commands); i++) {
        if (strcmp(name, commands[i].name) == 0) {
            args.words = argv + 2;
            args.command = commands[i].name;
            return commands[i].run(&args);
        }
    }
    say_error("", "%s is not a command", name);
    fprintf(stderr, "Commands: serve, publish, tail, token, stats, bench, config, "
                    "version. "
                    "Try: mcp-auth --help\n");
    return STATUS_USAGE;
}
