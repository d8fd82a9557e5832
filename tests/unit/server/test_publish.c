/* SPDX-License-Identifier: Apache-2.0 */
/* test_publish.c: a host's publication is answered once, with positions, or refused with the reason. */
#include "mcp_auth/publish.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "mcp_auth/observe.h"
#include "unit.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t came = PTHREAD_COND_INITIALIZER;
static struct {
    unsigned calls, observed;
    int error, duplicate;
    size_t count, failed_index;
    char id[65], position[33], withdrawn[32];
} told;

static mcp_auth_server *server;

static void on_published(void *owner, const mcp_auth_published *published)
{
    (void)owner;
    pthread_mutex_lock(&lock);
    told.calls++;
    told.error = published->error;
    told.count = published->count;
    told.failed_index = published->failed_index;
    if (published->count > 0) {
        const mcp_auth_published_event *last = &published->events[published->count - 1];

        snprintf(told.id, sizeof told.id, "%s", last->id);
        snprintf(told.position, sizeof told.position, "%s", last->position);
        told.duplicate = last->duplicate;
    }
    pthread_cond_signal(&came);
    pthread_mutex_unlock(&lock);
}

static void on_event(void *owner, const mcp_auth_observed_event *event)
{
    (void)owner;
    pthread_mutex_lock(&lock);
    told.observed++;
    CHECK(strstr(event->json, event->position) && strstr(event->json, event->id));
    pthread_mutex_unlock(&lock);
}

static void on_authority(void *owner, const mcp_auth_authority_withdrawn *withdrawn)
{
    (void)owner;
    snprintf(told.withdrawn, sizeof told.withdrawn, "%s/%s/%d/%s", withdrawn->tenant_id,
             withdrawn->user_id, (int)withdrawn->scope, withdrawn->name);
}

static void problem(void *owner, const char *text)
{
    (void)owner;
    print_message("%s\n", text);
}

static void begin(void)
{
    mcp_auth_options *options;
    char address[64];

    memset(&told, 0, sizeof told);
    snprintf(address, sizeof address, "unix:/tmp/mcp-auth-unit-publish-%d", (int)getpid());
    CHECK_EQ(mcp_auth_options_new(&options), 0);
    CHECK_EQ(mcp_auth_options_set(options, "MCP_AUTH_LISTEN", address), 0);
    CHECK_EQ(mcp_auth_options_set(options, "MCP_AUTH_LOG_LEVEL", "error"), 0);
    CHECK_EQ(mcp_auth_options_set(options, "MCP_AUTH_WORKERS", "2"), 0);
    CHECK_EQ(mcp_auth_options_set(options, "MCP_AUTH_JWT_SECRET",
                                  "0123456789abcdef0123456789abcdef0123456789abcdef"),
             0);
    CHECK_EQ(mcp_auth_server_new(&server, options, problem, NULL), 0);
    mcp_auth_options_free(options);
}

static void start(void)
{
    begin();
    CHECK_EQ(mcp_auth_server_start(server), 0);
}

static void end(void)
{
    mcp_auth_server_free(server);
    server = NULL;
}

static char why[200];

/* The answer of a publication that is taken in; else the error of the call. */
static int publish(const char *json)
{
    unsigned before = told.calls;
    struct timespec until;
    int r;

    why[0] = '\0';
    r = mcp_auth_publish_json(server, json, strlen(json), why, sizeof why, on_published, NULL);
    if (r < 0)
        return r;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 10;
    pthread_mutex_lock(&lock);
    while (told.calls == before && r == 0)
        r = pthread_cond_timedwait(&came, &lock, &until);
    pthread_mutex_unlock(&lock);
    CHECK_EQ(r, 0);
    CHECK_EQ(told.calls, before + 1);
    return told.error;
}

TEST(a_batch_of_the_host_is_answered_with_positions_and_duplicates)
{
    char first[33];

    start();
    CHECK_EQ(publish("[{\"event_type\":\"user_updated\",\"tenant_id\":\"a\"},"
                     "{\"event_type\":\"user_updated\",\"id\":\"x\",\"tenant_id\":\"b\"}]"),
             0);
    CHECK_EQ(told.count, 2);
    assert_string_equal(told.id, "x");
    CHECK_EQ(strlen(told.position), 32);
    CHECK_EQ(told.duplicate, 0);
    memcpy(first, told.position, sizeof first);
    CHECK_EQ(publish("{\"event_type\":\"user_updated\",\"id\":\"x\",\"tenant_id\":\"b\"}"), 0);
    CHECK_EQ(told.duplicate, 1);
    assert_string_equal(told.position, first);
    CHECK_EQ(publish("[{\"event_type\":\"user_updated\"},"
                     "{\"event_type\":\"user_created\",\"id\":\"x\",\"tenant_id\":\"b\"}]"),
             MCP_AUTH_E_CONFLICT);
    CHECK_EQ(told.count, 0);
    CHECK_EQ(told.failed_index, 1);
    end();
}

TEST(what_is_wrong_with_an_event_of_the_host_is_said_and_nobody_called)
{
    mcp_auth_event event = {.size = sizeof event, .event_type = "user_updated"};

    start();
    CHECK_EQ(publish("[{\"event_type\":\"user_updated\"},{\"event_type\":\"nonsense\"}]"),
             MCP_AUTH_E_INVALID);
    CHECK(strstr(why, "event 1: event_type"));
    CHECK_EQ(publish("{"), MCP_AUTH_E_INVALID);
    CHECK(why[0]);
    CHECK_EQ(publish(""), MCP_AUTH_E_INVALID);
    event.data = "{},\"tenant_id\":\"b\""; /* would say more than data if it were only pasted */
    CHECK_EQ(mcp_auth_publish(server, &event, why, sizeof why, on_published, NULL),
             MCP_AUTH_E_INVALID);
    CHECK(strstr(why, "data"));
    event.data = "[]";
    CHECK_EQ(mcp_auth_publish(server, &event, NULL, 0, on_published, NULL), MCP_AUTH_E_INVALID);
    event.data = NULL;
    event.user_id = "\xff";
    CHECK_EQ(mcp_auth_publish(server, &event, why, sizeof why, on_published, NULL),
             MCP_AUTH_E_INVALID);
    event.size = 8;
    CHECK_EQ(mcp_auth_publish(server, &event, why, sizeof why, on_published, NULL),
             MCP_AUTH_E_INVALID);
    CHECK_EQ(told.calls, 0);
    end();
}

TEST(a_server_that_does_not_run_takes_nothing)
{
    begin();
    CHECK_EQ(publish("{\"event_type\":\"user_updated\"}"), MCP_AUTH_E_STOPPING);
    CHECK_EQ(mcp_auth_server_start(server), 0);
    CHECK_EQ(publish("{\"event_type\":\"user_updated\"}"), 0);
    mcp_auth_server_stop(server, 0);
    CHECK_EQ(publish("{\"event_type\":\"user_updated\"}"), MCP_AUTH_E_STOPPING);
    CHECK_EQ(told.calls, 1);
    end();
}

TEST(an_observer_is_told_of_events_and_of_what_they_take_away)
{
    mcp_auth_observer observer = {.size = sizeof observer,
                                  .on_event = on_event,
                                  .on_authority = on_authority};
    mcp_auth_stats stats = {.size = sizeof stats};

    begin();
    CHECK_EQ(mcp_auth_server_observe(server, &observer), 0);
    CHECK_EQ(mcp_auth_server_observe(server, &observer), 0); /* the last one counts */
    CHECK_EQ(mcp_auth_server_start(server), 0);
    CHECK_EQ(mcp_auth_server_observe(server, &observer), MCP_AUTH_E_INVALID);
    CHECK_EQ(publish("{\"event_type\":\"role_revoked\",\"target_user_id\":\"u\","
                     "\"role_name\":\"r\",\"tenant_id\":\"t\"}"),
             0);
    CHECK_EQ(told.observed, 1);
    assert_string_equal(told.withdrawn, "t/u/1/r");
    CHECK_EQ(mcp_auth_server_stats(server, &stats), 0);
    CHECK_EQ(stats.events_published, 1);
    CHECK_EQ(stats.effects, 1);
    stats.size = 8;
    CHECK_EQ(mcp_auth_server_stats(server, &stats), MCP_AUTH_E_INVALID);
    end();
}
