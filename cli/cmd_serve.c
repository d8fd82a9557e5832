/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_serve.c: `mcp-auth serve`: runs the server until a signal ends it. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"
#include "serve_dev.h"

static const char help[] =
    "Usage: mcp-auth serve [--dev] [--env-file FILE] [SETTINGS]\n"
    "\n"
    "Runs the server until SIGTERM or SIGINT. Then everybody is asked to come back later (close\n"
    "4200) and given a few seconds; a second signal ends it at once. SIGHUP reads env files, keys\n"
    "and policy again: what is wrong in them is logged, and then nothing changes.\n"
    "\n"
    "Options:\n"
    "  --dev             try it: a throw-away secret, three demo tokens, loopback only\n"
    "  --env-file FILE   settings, lines of NAME=value  # comment; may be given more than once\n"
    "\n"
    "Examples:\n"
    "  mcp-auth serve --dev\n"
    "  mcp-auth serve --env-file /etc/mcp-auth.env --listen 0.0.0.0:8000\n";

/* SIGTERM to exit, at most: what is left then is cut off. */
#define DRAIN_MS 5000

struct stopping {
    pthread_t thread;
    mcp_auth_server *server;
    int done; /* eventfd: written when the server has stopped */
};

static void *stop(void *owner)
{
    struct stopping *stopping = owner;

    mcp_auth_server_stop(stopping->server, DRAIN_MS);
    if (eventfd_write(stopping->done, 1) < 0)
        say_error("serve", "eventfd: %s", strerror(errno));
    return NULL;
}

static int read_flags(struct cli_settings *settings, bool *ret_dev, struct args *args)
{
    const char *word;
    enum arg arg;
    int r;

    while ((arg = args_next(args, &word)) == ARG_FLAG) {
        if (strcmp(args->flag, "--dev") == 0) {
            if (!args_no_value(args))
                return STATUS_USAGE;
            *ret_dev = true;
            continue;
        }
        r = cli_settings_flag(settings, args);
        if (r < 0)
            return STATUS_USAGE;
        if (r == 0)
            return args_unknown(args);
    }
    if (arg == ARG_WORD)
        say_error("serve", "%s is not wanted here; settings are flags", word);
    return arg == ARG_END ? STATUS_OK : STATUS_USAGE;
}

/* SIGHUP: files and flags once more, into settings of their own. `args` as at the start. */
static void reload(mcp_auth_server *server, struct args args)
{
    struct cli_settings settings;
    bool dev = false; /* the server knows what it is */

    if (cli_settings_init(&settings, "serve") != STATUS_OK)
        return;
    settings.to_log = true;
    if (read_flags(&settings, &dev, &args) == STATUS_OK) {
        cli_settings_load(&settings);
        if (settings.problems > 0)
            log_write(LOG_ERROR, "nothing was reloaded: what was in force stays");
        else
            (void)!mcp_auth_server_reload(server, settings.options, NULL, NULL); /* it logs */
    }
    cli_settings_done(&settings);
}

/* The next of the signals that are blocked, or 0 when the server has stopped meanwhile. */
static int next_signal(int signals, int done)
{
    struct pollfd what[] = {{.fd = signals, .events = POLLIN}, {.fd = done, .events = POLLIN}};
    struct signalfd_siginfo info;

    for (;;) {
        if (poll(what, 2, -1) < 0) {
            if (errno == EINTR)
                continue;
            return SIGTERM;
        }
        if (what[1].revents)
            return 0;
        if (read(signals, &info, sizeof info) == (ssize_t)sizeof info)
            return (int)info.ssi_signo;
    }
}

/* Runs until a signal ends it; returns when nothing of the server runs any more. */
static int wait_for_end(mcp_auth_server *server, const struct args *args, int signals)
{
    struct stopping stopping = {.server = server, .done = eventfd(0, EFD_CLOEXEC)};
    bool stopping_now = false;
    int number;

    if (stopping.done < 0) {
        say_error("serve", "eventfd: %s", strerror(errno));
        return STATUS_FAILURE;
    }
    while ((number = next_signal(signals, stopping.done)) != 0) {
        if (number == SIGHUP) {
            if (!stopping_now)
                reload(server, *args);
            continue;
        }
        log_write(LOG_INFO, stopping_now ? "stopping at once" : "stopping",
                  LOG_TEXT("signal", bytes_of(sigabbrev_np(number))),
                  LOG_INT("drain_ms", stopping_now ? 0 : DRAIN_MS));
        if (stopping_now) {
            mcp_auth_server_stop(server, 0);
        } else if (pthread_create(&stopping.thread, NULL, stop, &stopping) != 0) {
            mcp_auth_server_stop(server, DRAIN_MS); /* without a second thread: no second signal */
            break;
        } else {
            stopping_now = true;
        }
    }
    if (stopping_now)
        pthread_join(stopping.thread, NULL);
    close(stopping.done);
    return STATUS_OK;
}

static int run(struct cli_settings *settings, const struct args *args, bool dev, int signals)
{
    mcp_auth_server *server = NULL;
    int status = STATUS_FAILURE, r;

    r = mcp_auth_server_new(&server, settings->options, cli_settings_problem, settings);
    if (r == 0 && settings->problems > 0)
        r = MCP_AUTH_E_INVALID; /* said as they were loaded; the rest has been said just now */
    if (r == 0)
        r = mcp_auth_server_start(server);
    if (r < 0 && settings->problems == 0)
        say_error("serve", "%s", mcp_auth_strerror(r));
    if (r == 0) {
        if (dev)
            serve_dev_print(server);
        status = wait_for_end(server, args, signals);
    }
    mcp_auth_server_free(server);
    return status;
}

/* Before any thread starts: all of them inherit it, and only the main one reads the signals. */
static int take_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC);
}

int cmd_serve(struct args *args)
{
    const struct args begun = *args;
    struct cli_settings settings;
    bool dev = false;
    int status, signals, r;

    for (char **word = args->words; *word; word++) {
        if (strcmp(*word, "--help") == 0 || strcmp(*word, "-h") == 0) {
            print_help(help);
            print_settings_help();
            return finish_output("serve", STATUS_OK);
        }
    }
    status = cli_settings_init(&settings, "serve");
    if (status == STATUS_OK)
        status = read_flags(&settings, &dev, args);
    if (status == STATUS_OK) {
        cli_settings_load(&settings);
        r = dev ? mcp_auth_options_dev(settings.options) : 0;
        signals = take_signals();
        if (r < 0 || signals < 0) {
            say_error("serve", "%s", r < 0 ? mcp_auth_strerror(r) : strerror(errno));
            status = STATUS_FAILURE;
        } else {
            status = run(&settings, &begun, dev, signals);
        }
        if (signals >= 0)
            close(signals);
    }
    cli_settings_done(&settings);
    return finish_output("serve", status);
}
