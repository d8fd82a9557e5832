/* SPDX-License-Identifier: Apache-2.0 */
/* host.c: a host program over the public headers, which publishes events to one user each. */

/* Usage: host CONTROL_PORT    with the server's settings in the environment, and BENCH_WINDOW
 *
 * Serves, and takes orders on a TCP connection to CONTROL_PORT, a line each: "EVENTS USERS PAD"
 * publishes EVENTS events from this thread, each to the next user in the order of pattern_next. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mcp_auth/options.h>
#include <mcp_auth/publish.h>
#include <mcp_auth/server.h>

#include "pattern.h"

extern char **environ;

#define PAD_MAX 60000u

/* As many are under way as keep the server busy; then the host waits until half are done. Fewer
 * than users, or those of one user leave in one send and are too cheap. */
static int window = 1024;

static atomic_int under_way, failed;
static atomic_bool waits;
static sem_t half_done;

static void die(const char *what)
{
    fprintf(stderr, "host: %s\n", what);
    exit(1);
}

static void say_problem(void *owner, const char *text)
{
    (void)owner;
    fprintf(stderr, "host: %s\n", text);
}

static void published(void *owner, const mcp_auth_published *outcome)
{
    (void)owner;
    if (outcome->error)
        atomic_fetch_add(&failed, 1);
    if (atomic_fetch_sub(&under_way, 1) <= window / 2 && atomic_exchange(&waits, false))
        sem_post(&half_done);
}

static void wait_for_room(void)
{
    while (atomic_load(&under_way) >= window) {
        atomic_store(&waits, true);
        if (atomic_load(&under_way) <= window / 2 && atomic_exchange(&waits, false))
            return;
        while (sem_wait(&half_done) < 0)
            ;
    }
}

/* "u000042". Not by printf, which would be a tenth of what is measured. */
static void name_user(char ret[8], uint32_t user)
{
    ret[0] = 'u';
    for (int i = 6; i > 0; i--, user /= 10)
        ret[i] = (char)('0' + user % 10);
    ret[7] = '\0';
}

static void publish_to(mcp_auth_server *server, uint32_t user, const char *message)
{
    char name[8], problem[200];
    mcp_auth_event event = {.size = sizeof event};

    name_user(name, user);
    event.event_type = "role_assigned";
    event.target_user_id = name;
    event.role_name = "editor";
    event.message = message;
    wait_for_room();
    atomic_fetch_add(&under_way, 1);
    if (mcp_auth_publish(server, &event, problem, sizeof problem, published, NULL) < 0)
        die("an event was refused");
}

static void obey(mcp_auth_server *server, int fd)
{
    static char message[PAD_MAX + 2];
    FILE *orders = fdopen(fd, "r");
    unsigned long events;
    unsigned users, pad;

    while (orders && fscanf(orders, "%lu %u %u", &events, &users, &pad) == 3) {
        uint32_t user = 0;

        if (users == 0 || pad > PAD_MAX)
            die("an order that is none");
        memset(message, 'x', pad + 1);
        message[pad + 1] = '\0';
        while (events-- > 0) {
            user = pattern_next(user, users);
            publish_to(server, user, message);
        }
        if (atomic_load(&failed) > 0)
            die("events were not published");
    }
    if (orders)
        fclose(orders);
}

static int listen_at(const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    address.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 4) < 0)
        die("cannot listen for orders");
    return fd;
}

int main(int count, char **words)
{
    mcp_auth_options *options;
    mcp_auth_server *server;
    int listener, fd;

    if (count != 2) {
        fprintf(stderr, "usage: host CONTROL_PORT\n");
        return 2;
    }
    if (getenv("BENCH_WINDOW"))
        window = (int)strtol(getenv("BENCH_WINDOW"), NULL, 10);
    sem_init(&half_done, 0, 0);
    listener = listen_at(words[1]);
    if (mcp_auth_options_new(&options) < 0 ||
        mcp_auth_options_load_environment(options, environ, say_problem, NULL) < 0 ||
        mcp_auth_server_new(&server, options, say_problem, NULL) < 0 ||
        mcp_auth_server_start(server) < 0)
        die("the server did not start");
    mcp_auth_options_free(options);
    while ((fd = accept(listener, NULL, NULL)) >= 0)
        obey(server, fd);
    mcp_auth_server_stop(server, 0);
    mcp_auth_server_free(server);
    return 0;
}
