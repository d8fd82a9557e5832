/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_bench.c: `mcp-auth bench`: puts a load on a server and says how it bore it. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static const char help[] =
    "Usage: mcp-auth bench [URL] [FLAGS]\n"
    "\n"
    "Opens connections, publishes events at a fixed rate, and measures how long each event takes\n"
    "to each connection, from when it was due to be published. Counts what is lost or doubled.\n"
    "With MCP_AUTH_JWT_SECRET of the server each connection is a user of its own in the tenant\n"
    "`bench`; with --token all are that user. Ctrl-C ends it and shows what was measured so far.\n"
    "\n"
    "Options:\n"
    "  --connections N     WebSocket connections (100)\n"
    "  --users N           different users among them (as many); only with the secret\n"
    "  --connect-rate N    sign-ins begun a second (as fast as they end)\n"
    "  --plain             clients without the subprotocol; --session is the default\n"
    "  --rate N            events published a second; 0 only holds the connections (100)\n"
    "  --duration S        seconds to publish for (10)\n"
    "  --broadcast         each event to all connections (the default)\n"
    "  --targeted          each event to one user, in turn; only with the secret\n"
    "  --event-type TYPE   any that takes nothing away (role_assigned)\n"
    "  --batch K           events in one request (1)\n"
    "  --publishers N      publishing connections, each with one request at a time (4)\n"
    "  --data-size BYTES   that much `data` in each event (0)\n"
    "  --settle S          how long to wait at the end for what is under way (5)\n"
    "  --url URL           the server (MCP_AUTH_URL, http://localhost:8000; unix:PATH too)\n"
    "  --token TOKEN       one user's token, for all connections (MCP_AUTH_TOKEN)\n"
    "  --token-file FILE   the same out of a file\n"
    "  --api-key KEY       publish with it (MCP_AUTH_API_KEY, beside a --token); else with a\n"
    "                      token that is made, or with --token if that may publish\n"
    "  --tenant ID         the tenant of the users that are made (bench)\n"
    "  --env-file FILE     settings of the server, lines of NAME=value\n"
    "  --json              one JSON object instead of the table\n"
    "  --quiet             no progress on a terminal\n"
    "  and every setting as a flag: see `mcp-auth config --help`\n"
    "\n"
    "Exit status 0: every connection came in and stayed, every event was published and arrived\n"
    "once and in order. 1: not so, and it says what. 2: wrong use.\n"
    "\n"
    "Examples:\n"
    "  mcp-auth bench --env-file server.env --connections 1000 --rate 50 --duration 30\n"
    "  mcp-auth bench http://10.0.0.5:8000 --token-file admin.token --json | jq .received.lost\n"
    "  mcp-auth bench --env-file server.env --targeted --connections 5000 --rate 5000\n";

static volatile sig_atomic_t signalled;

static void on_signal(int number)
{
    (void)number;
    signalled = 1;
}

static bool stopped(void *owner)
{
    (void)owner;
    return signalled != 0;
}

static void fill_plan(struct bench *bench)
{
    struct load_plan *plan = &bench->plan;

    plan->url = bench->call.url;
    plan->connections = (unsigned)bench->connections;
    plan->connect_rate = (unsigned)bench->connect_rate;
    plan->plain = bench->plain;
    plan->rate = (unsigned)bench->rate;
    plan->batch = (unsigned)bench->batch;
    plan->publishers = (unsigned)bench->publishers;
    plan->data_size = (unsigned)bench->data_size;
    plan->duration_ms = (unsigned)bench->duration * 1000u;
    plan->settle_ms = (unsigned)bench->settle * 1000u;
    plan->event_type = bench->event_type;
    plan->owner = bench;
    plan->stopped = stopped;
    plan->progress = bench_progress;
}

static int run(struct bench *bench)
{
    /* A second signal ends the program in the usual way. */
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    char why[LOAD_WHY_SIZE];
    struct load *load = NULL;
    int status = STATUS_OK, r;

    fill_plan(bench);
    r = load_new(&load, &bench->plan, why);
    if (r < 0) {
        say_error("bench", "%s", why);
        return r == MCP_AUTH_E_INVALID || r == MCP_AUTH_E_UNSUPPORTED ? STATUS_USAGE
                                                                      : STATUS_FAILURE;
    }
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    r = load_run(load);
    bench_progress_done(bench);
    if (bench->json)
        bench_json(bench, load);
    else
        bench_report(bench, load);
    if (r < 0)
        say_error("bench", "%s", mcp_auth_strerror(r));
    if (load_result(load)->why[0])
        say_error("bench", "%s", load_result(load)->why);
    if (!load_succeeded(load))
        status = STATUS_FAILURE;
    load_free(load);
    return status;
}

int cmd_bench(struct args *args)
{
    struct bench bench = {
        .connections = 100,
        .rate = 100,
        .batch = 1,
        .publishers = 4,
        .duration = 10,
        .settle = 5,
        .event_type = "role_assigned",
    };
    int status;

    for (char **word = args->words; *word; word++) {
        if (strcmp(*word, "--help") == 0 || strcmp(*word, "-h") == 0) {
            print_help(help);
            return finish_output("bench", STATUS_OK);
        }
    }
    call_init(&bench.call, "bench");
    status = cli_settings_init(&bench.settings, "bench");
    if (status == STATUS_OK)
        status = bench_flags(&bench, args);
    if (status == STATUS_OK)
        status = bench_tokens(&bench);
    if (status == STATUS_OK)
        status = run(&bench);
    bench_tokens_done(&bench);
    cli_settings_done(&bench.settings);
    call_done(&bench.call);
    return finish_output("bench", status);
}
