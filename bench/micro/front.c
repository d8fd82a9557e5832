/* SPDX-License-Identifier: Apache-2.0 */
/* front.c: CPU of one event to 1,000 front connections, a receiver; and of its publishing. */
#include <dirent.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "auth/token_mint.h"
#include "base/strbuf.h"
#include "front/front.h"
#include "measure.h"

#define SECRET "0123456789abcdef0123456789abcdef0123456789abcdef"
#define CLIENTS 1000u

static struct front *front;
static struct front_loop *loop;
static struct front_conn *conns[CLIENTS];

/* The CPU that the thread of this name has used, by the scheduler's own count. */
static uint64_t thread_cpu_ns(const char *name)
{
    DIR *tasks = opendir("/proc/self/task");
    unsigned long long ns = 0;
    struct dirent *task;
    bool found = false;

    while (tasks && !found && (task = readdir(tasks))) {
        char path[300], comm[32] = "";
        FILE *file;

        snprintf(path, sizeof path, "/proc/self/task/%.20s/comm", task->d_name);
        file = fopen(path, "r");
        if (!file || !fgets(comm, sizeof comm, file))
            comm[0] = '\0';
        if (file)
            fclose(file);
        comm[strcspn(comm, "\n")] = '\0';
        if (strcmp(comm, name) != 0)
            continue;
        snprintf(path, sizeof path, "/proc/self/task/%.20s/schedstat", task->d_name);
        file = fopen(path, "r");
        found = file && fscanf(file, "%llu", &ns) == 1;
        if (file)
            fclose(file);
    }
    if (tasks)
        closedir(tasks);
    if (!found)
        abort();
    return ns;
}

static uint64_t own_cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void problem(void *owner, const char *text)
{
    (void)owner;
    fprintf(stderr, "%s\n", text);
}

static void begin(void)
{
    mcp_auth_options *options;

    if (mcp_auth_options_new(&options) < 0 ||
        mcp_auth_options_set(options, "MCP_AUTH_JWT_SECRET", SECRET) < 0 ||
        mcp_auth_options_set(options, "MCP_AUTH_LOG_LEVEL", "error") < 0 ||
        front_new(&front, options, problem, NULL) < 0 || front_start(front) < 0 ||
        front_loop_new(&loop, front) < 0)
        abort();
    mcp_auth_options_free(options);
}

/* Takes until this many items have come: messages, or at first openings. */
static void take(unsigned count)
{
    struct front_item items[256];

    while (count > 0) {
        size_t got;

        (void)front_loop_wait(loop, 1000);
        do {
            got = front_take(loop, items, ARRAY_COUNT(items));
            for (size_t i = 0; i < got; i++) {
                if (items[i].kind == FRONT_TEXT)
                    front_sent(items[i].conn, 1, front_text_bytes(items[i].text).size);
                else if (items[i].kind != FRONT_OPEN)
                    abort();
                front_text_unref(items[i].text);
            }
            count -= (unsigned)got;
        } while (got == ARRAY_COUNT(items));
    }
}

static void connect_all(void)
{
    struct front_opening opening = {.kind = SESSION_PLAIN, .address = BYTES("127.0.0.1")};
    struct strbuf authorization, token;
    char payload[200];

    for (unsigned i = 0; i < CLIENTS; i++) {
        snprintf(payload, sizeof payload,
                 "{\"sub\":\"user-%u\",\"roles\":[\"admin\"],\"exp\":%lld}", i,
                 (long long)(clock_now().wall_ms / 1000 + 600));
        strbuf_init(&token, 1024);
        strbuf_init(&authorization, 2048);
        if (token_mint(&token, BYTES(SECRET), bytes_of(payload)) < 0)
            abort();
        strbuf_puts(&authorization, "Bearer ");
        strbuf_put_bytes(&authorization, strbuf_bytes(&token));
        opening.authorization = strbuf_bytes(&authorization);
        if (front_connect(&conns[i], loop, &opening, NULL) < 0)
            abort();
        strbuf_done(&token);
        strbuf_done(&authorization);
    }
    take(CLIENTS);
}

static void publish(unsigned count)
{
    const mcp_auth_event event = {
        .size = sizeof event,
        .event_type = "role_assigned",
        .user_id = "admin-1",
        .user_name = "Ann Example",
        .target_user_id = "user-1234",
        .role_name = "editor",
        .message = "Role editor assigned to user-1234",
    };

    for (unsigned i = 0; i < count; i++)
        if (front_publish(front, &event, NULL) < 0)
            abort();
}

static void with(const char *name, unsigned events, unsigned at_once)
{
    uint64_t core[ROUNDS], host[ROUNDS], wall[ROUNDS];

    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t core_ns = thread_cpu_ns("mcp-auth-front"), host_ns = own_cpu_ns(),
                 wall_ns = clock_mono_ns();

        for (unsigned i = 0; i < events; i += at_once) {
            publish(at_once);
            take(at_once * CLIENTS);
        }
        core[round] = thread_cpu_ns("mcp-auth-front") - core_ns;
        host[round] = own_cpu_ns() - host_ns;
        wall[round] = clock_mono_ns() - wall_ns;
    }
    qsort(core, ROUNDS, sizeof core[0], by_value);
    qsort(host, ROUNDS, sizeof host[0], by_value);
    qsort(wall, ROUNDS, sizeof wall[0], by_value);
    printf("%-28s %8.1f ns core  %8.1f ns host  %8.1f ns wall, each receiver\n", name,
           (double)core[ROUNDS / 2] / events / CLIENTS, (double)host[ROUNDS / 2] / events / CLIENTS,
           (double)wall[ROUNDS / 2] / events / CLIENTS);
}

/* Calls of a host that publishes to nobody and does not ask for the answer. */
static uint64_t call(unsigned count)
{
    publish(count);
    return count;
}

int main(void)
{
    begin();
    connect_all();
    with("front, one event", 300, 1);
    with("front, 8 events together", 800, 8);
    for (unsigned i = 0; i < CLIENTS; i++)
        front_disconnect(conns[i]);
    measure("front_publish, no receiver", 0, 2000, call);
    front_loop_free(loop);
    front_free(front);
    return 0;
}
