/* SPDX-License-Identifier: Apache-2.0 */
/* broker_probe.c: one broker, memory or Redis, driven by lines on standard input, for the contract. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "broker/broker_redis.h"
#include "mcp_auth/error.h"
#include "model/limits.h"
#include "wire/event_out.h"
#include "wire/event_stored.h"

/* usage: broker-probe memory | broker-probe URL NAME HISTORY_EVENTS [DEDUPE_MS [PREFIX]]
 *
 *   publish TICKET ID TENANT USER GIVEN SIZE COUNT   COUNT events, ID-0, ID-1, ... unless COUNT is 1
 *   revoke TICKET USER                               a role taken away: an event with a fence
 *   fence USER MS                                    write_fences
 *   quiet | stats | end                              entries are only counted; counts and CPU time
 *
 * What the broker says is one line each on standard output. */
struct probe {
    struct loop loop;
    struct watch input;
    struct broker *broker;
    char line[512];
    size_t line_size;
    bool quiet, ended;
    uint64_t *checks; /* by number */
    size_t checks_count;
    uint64_t entries, last_n, bytes;
    /* Accepted events that have not come back. */
    struct event *own[2 * BATCH_EVENTS_MAX];
    unsigned own_count;
};

static struct probe probe;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "broker-probe: %s\n", what);
    exit(1);
}

static void on_answer(void *owner, const struct batch_answer *answer)
{
    (void)owner;
    printf("answer %" PRIu64, answer->ticket);
    if (answer->result != BATCH_TAKEN)
        printf(answer->result == BATCH_CONFLICT ? " conflict %u" : " failed %u",
               answer->failed_index);
    for (unsigned i = 0; i < answer->count; i++)
        printf(" %s%" PRIu64 ":%016" PRIx64,
               answer->answers[i].outcome == PUBLISH_DUPLICATE ? "-" : "", answer->answers[i].at.n,
               answer->answers[i].at.check);
    printf("\n");
}

static int on_stand(void *owner, const struct broker_stand *stand)
{
    static const char *const kinds[] = {"first", "same", "gap", "lost_tail"};

    (void)owner;
    probe.last_n = stand->after.n;
    printf("stand %s %016" PRIx64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", kinds[stand->kind],
           stand->after.epoch, stand->after.n, stand->common_n, stand->upto_n);
    return 0;
}

static void own_forget(const struct event *event)
{
    for (unsigned i = 0; i < probe.own_count; i++)
        if (probe.own[i] == event) {
            event_unref(probe.own[i]);
            probe.own[i] = probe.own[--probe.own_count];
            return;
        }
}

static int on_entry(void *owner, const struct entry *entry)
{
    const struct event *event = entry->event;

    (void)owner;
    if (entry->n != probe.last_n + 1)
        die("a hole in the numbers");
    probe.last_n = entry->n;
    probe.entries++;
    probe.bytes += event->json.size;
    if (entry->n >= probe.checks_count) {
        size_t count = entry->n * 2 + 64;

        probe.checks = realloc(probe.checks, count * sizeof *probe.checks);
        if (!probe.checks)
            die("no memory");
        memset(probe.checks + probe.checks_count, 0,
               (count - probe.checks_count) * sizeof *probe.checks);
        probe.checks_count = count;
    }
    probe.checks[entry->n] = entry->check;
    if (!probe.quiet)
        printf("entry %" PRIu64 " %.*s %.*s %zu %016" PRIx64 " %s\n", entry->n, (int)event->id.size,
               event->id.data, (int)event->tenant.size, event->tenant.data, event->json.size,
               entry->check, event->control == CONTROL_UNREADABLE ? "unreadable" : "event");
    own_forget(event);
    return 0;
}

static int on_fence(void *owner, const struct fence *fence)
{
    (void)owner;
    printf("fence %.*s %d %.*s %" PRId64 "\n", (int)fence->user.size, fence->user.data,
           (int)fence->scope, (int)fence->name.size, fence->name.size ? fence->name.data : "",
           fence->not_before_ms);
    return 0;
}

static void on_fences_end(void *owner)
{
    (void)owner;
    printf("fences_end\n");
}

static void on_ready(void *owner)
{
    (void)owner;
    printf("ready\n");
}

static void on_away(void *owner, struct bytes why)
{
    (void)owner;
    printf("away %.*s\n", (int)why.size, why.data);
}

static void on_read(void *owner, uint64_t ticket, const struct entry *entries, unsigned count)
{
    (void)owner;
    printf("read %llu", (unsigned long long)ticket);
    for (unsigned j = 0; j < count; j++)
        printf(" %llu:%.*s", (unsigned long long)entries[j].n, (int)entries[j].event->id.size,
               entries[j].event->id.data);
    printf("\n");
}

static void on_plain(void *owner, struct bytes json)
{
    (void)owner;
    printf("plain %.*s\n", (int)json.size, json.data);
}

static bool known(void *owner, uint64_t n, uint64_t *ret_check)
{
    (void)owner;
    if (n >= probe.checks_count || probe.checks[n] == 0)
        return false;
    *ret_check = probe.checks[n];
    return true;
}

static struct event *own(void *owner, struct bytes tenant, struct bytes id)
{
    (void)owner;
    for (unsigned i = 0; i < probe.own_count; i++)
        if (bytes_equal(probe.own[i]->id, id) && bytes_equal(probe.own[i]->tenant, tenant))
            return probe.own[i];
    return NULL;
}

static int make(void *owner, const struct stored_fields *fields, struct event **ret)
{
    (void)owner;
    return event_stored_in(ret, fields, &policy_default);
}

static void fields_of(void *owner, const struct event *event, struct stored_fields *ret)
{
    (void)owner;
    event_stored_out(event, ret);
}

static struct event *event_make(enum event_type type, struct bytes id, struct bytes tenant,
                                struct bytes user, bool given, size_t size)
{
    struct event_fields fields = {
        .type = type,
        .id = id,
        .id_given = given,
        .tenant = tenant,
        .publisher = BYTES("probe"),
        .time_ms = clock_now().wall_ms,
    };
    const struct privacy_cut nothing = {0};
    char *message = malloc(size + 1);
    struct strbuf json;
    struct event *event;

    if (!message)
        die("no memory");
    memset(message, 'm', size);
    fields.members[MEMBER_MESSAGE] = (struct bytes){message, size};
    fields.members[MEMBER_SECURITY_LEVEL] = level_default();
    fields.members[MEMBER_USER_ID] = user;
    if (type == EVENT_ROLE_REVOKED)
        fields.members[MEMBER_ROLE_NAME] = BYTES("editor");
    if (tenant.size > 0)
        fields.members[MEMBER_TENANT_ID] = tenant;
    strbuf_init(&json, EVENT_SIZE_MAX);
    event_out_compose(&json, &fields, &nothing);
    if (json.error < 0 || event_new(&event, &fields, strbuf_bytes(&json),
                                    given ? event_fingerprint(&fields) : 0, &policy_default) < 0)
        die("no event");
    strbuf_done(&json);
    free(message);
    return event;
}

static void publish(uint64_t ticket, struct event **events, unsigned count)
{
    struct broker_batch batch = {events, count, ticket};

    /* Those without room here are read from the stream, as another instance's are. */
    for (unsigned i = 0; i < count; i++)
        if (probe.own_count < ARRAY_COUNT(probe.own))
            probe.own[probe.own_count++] = event_ref(events[i]);
    broker_publish(probe.broker, &batch, clock_now().wall_ms);
    for (unsigned i = 0; i < count; i++)
        event_unref(events[i]);
}

static void command_publish(const char *line)
{
    struct event *events[BATCH_EVENTS_MAX];
    char id[64], tenant[64], user[64], name[96];
    unsigned long long ticket;
    unsigned given, count;
    size_t size;

    if (sscanf(line, "publish %llu %63s %63s %63s %u %zu %u", &ticket, id, tenant, user, &given,
               &size, &count) != 7 ||
        count == 0 || count > BATCH_EVENTS_MAX)
        die("publish: what?");
    for (unsigned i = 0; i < count; i++) {
        if (count == 1)
            snprintf(name, sizeof name, "%s", id);
        else
            snprintf(name, sizeof name, "%s-%u", id, i);
        events[i] = event_make(EVENT_USER_UPDATED, bytes_of(name), bytes_of(tenant), bytes_of(user),
                               given, size);
    }
    publish(ticket, events, count);
}

static void command(const char *line)
{
    char user[64];
    unsigned long long number;
    struct rusage used;

    if (strncmp(line, "publish ", 8) == 0) {
        command_publish(line);
    } else if (sscanf(line, "revoke %llu %63s", &number, user) == 2) {
        struct event *event =
            event_make(EVENT_ROLE_REVOKED, bytes_of(user), BYTES(""), bytes_of(user), false, 10);

        publish(number, &event, 1);
    } else if (sscanf(line, "fence %63s %llu", user, &number) == 2) {
        struct fence fence = {BYTES(""), bytes_of(user), FENCE_EVERYTHING, {0}, (int64_t)number};

        broker_write_fences(probe.broker, &fence, 1);
    } else if (strcmp(line, "quiet") == 0) {
        probe.quiet = true;
    } else if (strcmp(line, "stats") == 0) {
        getrusage(RUSAGE_SELF, &used);
        printf("stats %" PRIu64 " %" PRIu64 " %" PRIu64 " %lld %" PRId64 "\n", probe.entries,
               probe.last_n, probe.bytes,
               (long long)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000 +
                   used.ru_utime.tv_usec + used.ru_stime.tv_usec,
               broker_usage(probe.broker).round_trip_ms);
    } else if (strcmp(line, "end") == 0) {
        probe.ended = true;
    } else {
        die("an unknown command");
    }
}

static void on_input(struct watch *watch, uint32_t events)
{
    ssize_t size =
        read(watch->fd, probe.line + probe.line_size, sizeof probe.line - 1 - probe.line_size);
    char *end;

    (void)events;
    if (size <= 0) {
        probe.ended = true;
        return;
    }
    probe.line_size += (size_t)size;
    while ((end = memchr(probe.line, '\n', probe.line_size))) {
        *end = '\0';
        command(probe.line);
        probe.line_size -= (size_t)(end + 1 - probe.line);
        memmove(probe.line, end + 1, probe.line_size);
    }
}

static void broker_make(char **arguments, int count)
{
    struct broker_port port = {on_answer, on_stand, on_entry,  on_fence, on_fences_end,
                               on_ready,  on_away,  on_plain,  on_read,  known,
                               own,       make,     fields_of, &probe};
    static const uint8_t seed[16];
    struct redis_url url;
    const char *why;
    struct broker_redis_settings settings = {.url = &url,
                                             .dedupe_ms = 600000,
                                             .fence_ms = 86400000,
                                             .plain = true};

    if (count == 2 && strcmp(arguments[1], "memory") == 0) {
        if (broker_memory_new(&probe.broker, 1, 600000, seed, &port) < 0)
            die("no memory");
        printf("ready\n");
        return;
    }
    if (count < 4 || redis_url_read(bytes_of(arguments[1]), (struct bytes){0}, &url, &why) < 0)
        die("usage");
    settings.instance = bytes_of(arguments[2]);
    settings.history_events = strtoull(arguments[3], NULL, 10);
    if (count > 4)
        settings.dedupe_ms = strtoll(arguments[4], NULL, 10);
    if (count > 5)
        settings.prefix = bytes_of(arguments[5]);
    if (broker_redis_new(&probe.broker, &probe.loop, &settings, &port, &random_kernel) < 0)
        die("no memory");
}

int main(int count, char **arguments)
{
    if (loop_init(&probe.loop) < 0)
        die("no loop");
    setvbuf(stdout, NULL, _IOFBF, 65536);
    probe.input.fd = STDIN_FILENO;
    if (loop_watch(&probe.loop, &probe.input, on_input, EPOLLIN) < 0)
        die("no input");
    broker_make(arguments, count);
    while (!probe.ended) {
        struct now now = clock_now();
        int64_t next = broker_advance(probe.broker, now), wait = next - now.mono_ms;

        fflush(stdout);
        if (loop_turn(&probe.loop, next == INT64_MAX ? -1 : wait < 0 ? 0 : wait) < 0)
            die("epoll");
    }
    broker_free(probe.broker);
    while (probe.own_count > 0)
        event_unref(probe.own[--probe.own_count]);
    free(probe.checks);
    loop_done(&probe.loop);
    return 0;
}
