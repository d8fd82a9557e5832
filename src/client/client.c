/* SPDX-License-Identifier: Apache-2.0 */
/* client.c: the public functions of a session client, and the turn that does its work. */
#include "mcp_auth/client.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "client/client_private.h"

#define CONNECT_TIMEOUT_MS 10000
#define RETRY_FIRST_MS 500
#define RETRY_MAX_MS 30000
#define RENEW_BEFORE_MS 60000
#define SILENCE_MS 61000 /* until an auth_ok tells the heartbeat: twice its default and a second */
#define DEDUPE_IDS 4096u

/* The members of the first version: a program built against it gives at least these. */
#define OPTIONS_SIZE_MIN (offsetof(mcp_auth_client_options, dedupe_ids) + sizeof(unsigned))

static void ring(const struct mcp_auth_client *client)
{
    const uint64_t one = 1;

    (void)!write(client->bell.fd, &one, sizeof one); /* full means that it rings already */
}

/* Both only end the sleep; the turn does the rest. */
static void drained(struct watch *watch, uint32_t events __attribute__((unused)))
{
    uint64_t count;

    (void)!read(watch->fd, &count, sizeof count);
}

static bool token_is_valid(const char *token)
{
    size_t size = strlen(token);

    if (size == 0 || size > CLIENT_TOKEN_SIZE_MAX)
        return false;
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)token[i] <= 0x20 || (unsigned char)token[i] >= 0x7f)
            return false;
    return true;
}

static int token_put(struct mcp_auth_client *client, const char *token)
{
    char *copy;

    if (!token_is_valid(token))
        return MCP_AUTH_E_INVALID;
    copy = strdup(token);
    if (!copy)
        return MCP_AUTH_E_NOMEM;
    if (client->token)
        explicit_bzero(client->token, strlen(client->token));
    free(client->token);
    client->token = copy;
    return 0;
}

static int position_put(struct mcp_auth_client *client, const char *position)
{
    size_t size = strlen(position);

    if (size > CLIENT_POSITION_SIZE_MAX)
        return MCP_AUTH_E_INVALID;
    for (size_t i = 0; i < size; i++)
        if (position[i] <= 0x20 || position[i] >= 0x7f)
            return MCP_AUTH_E_INVALID;
    memcpy(client->position, position, size + 1);
    return 0;
}

static int number_or(int given, int otherwise)
{
    return given > 0 ? given : otherwise;
}

/* The alarm stands at the next thing to be done, so that mcp_auth_client_fd alone wakes a host. */
static void alarm_set(struct mcp_auth_client *client)
{
    int64_t ms = client_next_ms(client);
    struct itimerspec at = {0};

    if (ms != CLIENT_NEVER) {
        if (ms < 1)
            ms = 1; /* long past: at once; all zero would switch it off */
        at.it_value.tv_sec = ms / 1000;
        at.it_value.tv_nsec = ms % 1000 * 1000000;
    }
    (void)timerfd_settime(client->alarm.fd, TFD_TIMER_ABSTIME, &at, NULL);
}

static int make_loop(struct mcp_auth_client *client)
{
    int r = loop_init(&client->loop);

    if (r < 0)
        return r;
    client->bell = (struct watch){.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    client->alarm = (struct watch){
        .fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK),
    };
    if (client->bell.fd < 0 || client->alarm.fd < 0)
        return MCP_AUTH_E_SYSTEM;
    r = loop_watch(&client->loop, &client->bell, drained, EPOLLIN);
    if (r == 0)
        r = loop_watch(&client->loop, &client->alarm, drained, EPOLLIN);
    return r;
}

static void take_numbers(struct mcp_auth_client *client)
{
    const mcp_auth_client_options *options = &client->options;

    client->connect_timeout_ms = number_or(options->connect_timeout_ms, CONNECT_TIMEOUT_MS);
    client->renew_before_ms = number_or(options->renew_before_ms, RENEW_BEFORE_MS);
    client->silence_ms = number_or(options->silence_ms, SILENCE_MS);
    client->backoff.first_ms = number_or(options->retry_first_ms, RETRY_FIRST_MS);
    client->backoff.max_ms = number_or(options->retry_max_ms, RETRY_MAX_MS);
    if (client->backoff.max_ms < client->backoff.first_ms)
        client->backoff.max_ms = client->backoff.first_ms;
}

static int take_options(struct mcp_auth_client *client)
{
    mcp_auth_client_options *options = &client->options;
    unsigned ids = options->dedupe_ids ? options->dedupe_ids : DEDUPE_IDS;
    int r;

    if (!options->url || !options->on_event || ids > SEEN_COUNT_MAX)
        return MCP_AUTH_E_INVALID;
    take_numbers(client);
    r = client_address_read(options->url, &client->address);
    if (r == 0 && options->token)
        r = token_put(client, options->token);
    if (r == 0 && options->position)
        r = position_put(client, options->position);
    if (r == 0)
        r = client_filter_compose(&client->filter, options->event_types, options->resources,
                                  options->min_security_level);
    if (r == 0)
        r = seen_init(&client->seen, ids);
    /* Borrowed for this call only; from here on nobody may look. */
    options->url = options->token = options->position = options->min_security_level = NULL;
    options->event_types = options->resources = NULL;
    return r;
}

int mcp_auth_client_open(mcp_auth_client **ret, const mcp_auth_client_options *options)
{
    struct mcp_auth_client *client;
    int r;

    assert(ret && options);
    if (options->size < OPTIONS_SIZE_MIN)
        return MCP_AUTH_E_INVALID;
    client = calloc(1, sizeof *client);
    if (!client)
        return MCP_AUTH_E_NOMEM;
    /* A newer program's members, unknown here, are left out; a missing one of an older is zero. */
    memcpy(&client->options, options,
           options->size < sizeof *options ? options->size : sizeof *options);
    client->loop.epoll_fd = client->bell.fd = client->alarm.fd = client->watch.fd = -1;
    client->state = MCP_AUTH_CLIENT_WAITING; /* for the first turn */
    client->silence_at_ms = client->renew_at_ms = CLIENT_NEVER;
    client->retry_after_ms = -1;
    strbuf_init(&client->filter, CLIENT_FILTER_SIZE_MAX);
    strbuf_init(&client->out, CLIENT_OUT_SIZE_MAX);
    strbuf_init(&client->text, CLIENT_MESSAGE_SIZE_MAX);
    upgrade_init(&client->upgrade);
    client->in = malloc(CLIENT_READ_SIZE);
    r = client->in ? take_options(client) : MCP_AUTH_E_NOMEM;
    if (r == 0)
        r = make_loop(client);
    if (r < 0) {
        mcp_auth_client_close(client);
        return r;
    }
    alarm_set(client);
    *ret = client;
    return 0;
}

void mcp_auth_client_close(mcp_auth_client *client)
{
    if (!client)
        return;
    assert(!client->running);
    link_close(client, 1000);
    if (client->bell.fd >= 0) {
        loop_unwatch(&client->loop, &client->bell);
        close(client->bell.fd);
    }
    if (client->alarm.fd >= 0) {
        loop_unwatch(&client->loop, &client->alarm);
        close(client->alarm.fd);
    }
    loop_done(&client->loop);
    if (client->token)
        explicit_bzero(client->token, strlen(client->token));
    free(client->token);
    strbuf_done(&client->filter);
    strbuf_done(&client->out);
    strbuf_done(&client->text);
    upgrade_done(&client->upgrade);
    seen_done(&client->seen);
    free(client->in);
    free(client);
}

int mcp_auth_client_run(mcp_auth_client *client, int timeout_ms)
{
    int r;

    assert(client && !client->running);
    if (client->state == MCP_AUTH_CLIENT_STOPPED)
        return client->error;
    client->running = true;
    client->now = clock_now();
    alarm_set(client);
    link_read(client); /* what an interruption left */
    if (client->link != LINK_NONE)
        link_flush(client);
    r = loop_turn(&client->loop, link_holds(client) || atomic_load(&client->interrupted) ||
                                         client->state == MCP_AUTH_CLIENT_STOPPED
                                     ? 0
                                     : timeout_ms);
    client->now = clock_now();
    client_timers(client);
    link_flush(client);
    if (r < 0)
        client_stop(client, r, 0, "the system could not wait for input");
    alarm_set(client);
    if (link_holds(client))
        ring(client);
    atomic_store(&client->interrupted, false);
    client->running = false;
    return client->state == MCP_AUTH_CLIENT_STOPPED ? client->error : 0;
}

int mcp_auth_client_fd(const mcp_auth_client *client)
{
    return client->loop.epoll_fd;
}

void mcp_auth_client_interrupt(mcp_auth_client *client)
{
    atomic_store(&client->interrupted, true);
    ring(client);
}

int mcp_auth_client_set_token(mcp_auth_client *client, const char *token)
{
    int r;

    assert(client && token);
    r = token_put(client, token);
    if (r < 0)
        return r;
    client->token_untried = true;
    if (client->state == MCP_AUTH_CLIENT_LIVE && client->link == LINK_OPEN) {
        client_send_auth(client, true);
        link_flush(client);
    }
    alarm_set(client);
    return 0;
}

int mcp_auth_client_subscribe(mcp_auth_client *client, const char *const *event_types,
                              const char *const *resources, const char *min_security_level)
{
    struct strbuf filter, message;
    int r;

    assert(client);
    strbuf_init(&filter, CLIENT_FILTER_SIZE_MAX);
    r = client_filter_compose(&filter, event_types, resources, min_security_level);
    if (r < 0) {
        strbuf_done(&filter);
        return r;
    }
    strbuf_done(&client->filter);
    client->filter = filter;
    if (client->state != MCP_AUTH_CLIENT_LIVE || client->link != LINK_OPEN)
        return 0; /* the next sign-in carries it */
    strbuf_init(&message, CLIENT_FILTER_SIZE_MAX + 64);
    strbuf_puts(&message, "{\"type\":\"subscribe\"");
    if (filter.size > 2) {
        strbuf_putc(&message, ',');
        strbuf_put(&message, filter.data + 1, filter.size - 1);
    } else {
        strbuf_putc(&message, '}');
    }
    r = message.error;
    if (r == 0) {
        link_send(client, WS_TEXT, strbuf_bytes(&message));
        link_flush(client);
    }
    strbuf_done(&message);
    return r;
}

const char *mcp_auth_client_position(const mcp_auth_client *client)
{
    return client->position;
}

enum mcp_auth_client_state mcp_auth_client_state_of(const mcp_auth_client *client)
{
    return client->state;
}
