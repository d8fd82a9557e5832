/* SPDX-License-Identifier: Apache-2.0 */
/* server.c: the public life of a server: checked, started, drained, freed. */
#include "mcp_auth/server.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "api/api.h"
#include "base/random.h"
#include "broker/redis_url.h"
#include "model/limits.h"
#include "server/descriptors.h"
#include "server/dev.h"
#include "server/host.h"
#include "server/listen.h"
#include "server/load.h"
#include "server/log_writer.h"
#include "server/options.h"
#include "server/reload.h"
#include "server/worker.h"

#define DEV_TOKENS_SIZE_MAX 65536u

struct mcp_auth_server {
    struct load start;               /* as it was told at its start */
    struct load now;                 /* as it was told last; zeroed until it was reloaded */
    const struct settings *settings; /* of the start, which threads hold */
    struct node *node;
    struct key_sets *sets;
    struct api api;
    struct net_config config;
    struct net_counters counters;
    struct admission *admission;
    struct worker **workers;
    unsigned workers_count;
    struct listen listen, metrics_listen;
    int gone_fd, hurry_fd; /* eventfds: a worker has nobody left; stop waiting */
    struct observer *observer;
    atomic_uint visitors; /* calls of the host that use the node now */
    atomic_bool stopping;
    bool logging, started, node_started;
};

static void ring(int fd)
{
    const uint64_t one = 1;

    (void)!write(fd, &one, sizeof one); /* full means that it rings already */
}

static void worker_gone(void *owner)
{
    ring(((mcp_auth_server *)owner)->gone_fd);
}

static int make_parts(mcp_auth_server *server)
{
    uint8_t seed[16];
    int r;

    random_kernel.fill(random_kernel.owner, seed, sizeof seed);
    server->gone_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
    server->hurry_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->gone_fd < 0 || server->hurry_fd < 0)
        return MCP_AUTH_E_SYSTEM;
    r = admission_new(&server->admission, UNAUTHENTICATED_MAX, UNAUTHENTICATED_PER_ADDRESS_MAX,
                      seed);
    if (r >= 0)
        r = node_new(&server->node, server->settings, server->start.issuers);
    if (r >= 0)
        r = key_sets_new(&server->sets, &server->start, server->node, NULL);
    if (r >= 0)
        r = key_sets_apply(server->sets);
    if (r >= 0)
        r = api_init(&server->api, server->node, server->settings, &server->config,
                     server->settings->dev ? dev_tokens_json : NULL);
    if (r < 0)
        return r;
    server->config = (struct net_config){
        .settings = server->settings,
        .routes = server->api.routes,
        .routes_count = server->api.routes_count,
        .metrics_routes_count = server->api.metrics_routes_count,
        .owner = &server->api,
        .admission = server->admission,
        .counters = &server->counters,
    };
    return 0;
}

static int make_workers(mcp_auth_server *server)
{
    unsigned count = server->settings->workers;

    server->workers = calloc(count, sizeof *server->workers);
    if (!server->workers)
        return MCP_AUTH_E_NOMEM;
    for (; server->workers_count < count; server->workers_count++) {
        int r = worker_new(&server->workers[server->workers_count], server->workers_count,
                           server->node, &server->config, worker_gone, server);

        if (r < 0)
            return r;
    }
    return 0;
}

/* Want of memory is told here, whoever had it; what is wrong of the settings, the keys and the
 * addresses was told where they are read. */
static int told(int error, mcp_auth_problem_fn problem, void *owner)
{
    if (error == MCP_AUTH_E_NOMEM)
        problem(owner, "out of memory");
    return error;
}

int mcp_auth_server_new(mcp_auth_server **ret, mcp_auth_options *options,
                        mcp_auth_problem_fn problem, void *owner)
{
    mcp_auth_server *server;
    int r;

    assert(ret && options && problem);
    server = calloc(1, sizeof *server);
    if (!server)
        return told(MCP_AUTH_E_NOMEM, problem, owner);
    server->gone_fd = server->hurry_fd = -1;
    r = load_read(&server->start, options_builder(options), true, problem, owner);
    if (r >= 0) {
        server->settings = server->start.settings;
        r = descriptors_raise(server->settings, problem, owner);
    }
    if (r < 0)
        goto fail;

    r = make_parts(server);
    if (r >= 0)
        r = make_workers(server);
    if (r == MCP_AUTH_E_SYSTEM)
        problem(owner, strerrordesc_np(errno));
    if (r < 0)
        goto fail;
    r = listen_open(&server->listen, server->settings, server->workers, server->workers_count,
                    problem, owner);
    if (r >= 0)
        r = listen_open_metrics(&server->metrics_listen, server->settings, server->workers[0],
                                problem, owner);
    if (r < 0)
        goto fail;
    *ret = server;
    return 0;

fail:
    mcp_auth_server_free(server);
    return told(r, problem, owner);
}

/* "redis://host:6379/0": who may see the log may not see the password. */
static void bus_text(const struct settings *settings, char ret[REDIS_URL_TEXT_SIZE])
{
    struct redis_url url;
    const char *why;

    (void)snprintf(ret, REDIS_URL_TEXT_SIZE, "none: events stay on this instance");
    if (!bytes_present(settings->redis_url) ||
        redis_url_read(settings->redis_url, settings->redis_password, &url, &why) < 0)
        return;
    redis_url_text(&url, ret);
    redis_url_wipe(&url);
}

static void log_start(const mcp_auth_server *server)
{
    char bus[REDIS_URL_TEXT_SIZE];

    bus_text(server->settings, bus);
    load_log_notices(&server->start);
    for (unsigned i = 0; i < server->listen.count; i++)
        log_write(LOG_INFO, "listening",
                  LOG_TEXT("address", bytes_of(server->listen.addresses[i].text)));
    for (unsigned i = 0; i < server->metrics_listen.count; i++)
        log_write(LOG_INFO, "listening for metrics",
                  LOG_TEXT("address", bytes_of(server->metrics_listen.addresses[i].text)));
    log_write(LOG_INFO, "started", LOG_INT("workers", server->workers_count),
              LOG_INT("max_connections", server->settings->max_connections),
              LOG_TEXT("bus", bytes_of(bus)));
}

int mcp_auth_server_start(mcp_auth_server *server)
{
    int r;

    assert(server && !server->started);
    r = log_writer_start(server->settings->log_level, server->settings->log_json);
    if (r < 0)
        return r;
    server->logging = true;
    r = key_sets_start(server->sets); /* before the first sign-in, which a worker takes */
    if (r >= 0) {
        r = node_start(server->node);
        server->node_started = r >= 0;
    }
    for (unsigned i = 0; i < server->workers_count && r >= 0; i++)
        r = worker_start(server->workers[i]);
    server->started = true; /* also half: stop ends what runs */
    if (r < 0) {
        mcp_auth_server_stop(server, 0);
        return r;
    }
    log_start(server);
    return 0;
}

int mcp_auth_server_reload(mcp_auth_server *server, mcp_auth_options *options,
                           mcp_auth_problem_fn problem, void *owner)
{
    const struct load *before;
    struct load fresh;
    int r;

    assert(server && options);
    if (!server->started || atomic_load(&server->stopping))
        return MCP_AUTH_E_STOPPING;
    before = server->now.settings ? &server->now : &server->start;
    r = reload(&fresh, options_builder(options), server->node, &server->start, before,
               &server->sets, problem, owner);
    if (r < 0)
        return r;
    load_done(&server->now);
    server->now = fresh;
    return 0;
}

const char *mcp_auth_server_address(const mcp_auth_server *server, size_t i)
{
    return i < server->listen.count ? server->listen.addresses[i].text : NULL;
}

int mcp_auth_server_dev_tokens(const mcp_auth_server *server, char **ret)
{
    struct strbuf json;
    char *text;
    int r;

    if (!server->settings->dev)
        return MCP_AUTH_E_REFUSED;
    strbuf_init(&json, DEV_TOKENS_SIZE_MAX);
    r = dev_tokens_json(server->settings, &json);
    text = r < 0 ? NULL : strbuf_steal(&json, NULL);
    strbuf_done(&json);
    if (!text)
        return r < 0 ? r : MCP_AUTH_E_NOMEM;
    *ret = text;
    return 0;
}

/* Until every worker has nobody left, the time is over, or a second stop is in a hurry. */
static void wait_until_gone(mcp_auth_server *server, int drain_ms)
{
    int64_t until_ms = clock_now().mono_ms + drain_ms;
    unsigned left = server->workers_count;

    while (left > 0) {
        struct pollfd fds[2] = {
            {.fd = server->gone_fd, .events = POLLIN},
            {.fd = server->hurry_fd, .events = POLLIN},
        };
        int64_t wait_ms = until_ms - clock_now().mono_ms;
        uint64_t one;

        if (wait_ms <= 0)
            break;
        if (poll(fds, 2, (int)wait_ms) < 0 && errno != EINTR)
            break;
        if (fds[1].revents & POLLIN)
            break;
        if (fds[0].revents & POLLIN && read(server->gone_fd, &one, sizeof one) == sizeof one)
            left--;
    }
    if (left > 0)
        log_write(LOG_WARNING, "closing connections that did not go in time");
}

static void settle(mcp_auth_server *server)
{
    bool more = true;

    while (more) {
        more = false;
        for (unsigned i = 0; i < server->workers_count; i++)
            more |= worker_settle(server->workers[i]);
    }
}

bool server_enter(mcp_auth_server *server)
{
    /* Counted before it is asked: either stop sees the visitor, or the visitor sees the stop. */
    atomic_fetch_add(&server->visitors, 1);
    if (server->started && !atomic_load(&server->stopping))
        return true;
    atomic_fetch_sub(&server->visitors, 1);
    return false;
}

void server_leave(mcp_auth_server *server)
{
    atomic_fetch_sub(&server->visitors, 1);
}

struct node *server_node(const mcp_auth_server *server)
{
    return server->node;
}

int server_take_observer(mcp_auth_server *server, struct observer *observer)
{
    if (server->started)
        return MCP_AUTH_E_INVALID;
    observer_free(server->observer);
    server->observer = observer;
    return 0;
}

void mcp_auth_server_stop(mcp_auth_server *server, int drain_ms)
{
    assert(server);
    if (atomic_exchange(&server->stopping, true)) {
        if (drain_ms == 0)
            ring(server->hurry_fd); /* async-signal-safe, as all of this way is */
        return;
    }
    if (!server->started)
        return;
    log_write(LOG_DEBUG, "draining", LOG_INT("drain_ms", drain_ms));
    for (unsigned i = 0; i < server->workers_count; i++)
        worker_drain(server->workers[i]);
    wait_until_gone(server, drain_ms);
    while (atomic_load(&server->visitors) > 0)
        sched_yield(); /* they never wait, and no more come in */
    key_sets_stop(server->sets);
    /* The bus first: what was accepted is still announced, and effects wait for the workers. */
    if (server->node_started)
        node_stop(server->node);
    for (unsigned i = 0; i < server->workers_count; i++)
        worker_end(server->workers[i]);
    settle(server);
    log_write(LOG_INFO, "stopped");
}

void mcp_auth_server_free(mcp_auth_server *server)
{
    if (!server)
        return;
    mcp_auth_server_stop(server, 0);
    for (unsigned i = 0; i < server->workers_count; i++)
        worker_free(server->workers[i]);
    free(server->workers);
    key_sets_stop(server->sets);
    key_sets_unref(server->sets);
    node_free(server->node);
    observer_free(server->observer);
    listen_done(&server->listen);
    listen_done(&server->metrics_listen);
    api_done(&server->api);
    admission_free(server->admission);
    if (server->gone_fd >= 0)
        close(server->gone_fd);
    if (server->hurry_fd >= 0)
        close(server->hurry_fd);
    load_done(&server->now);
    load_done(&server->start);
    if (server->logging)
        log_writer_stop();
    free(server);
}
