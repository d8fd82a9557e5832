/* SPDX-License-Identifier: Apache-2.0 */
/* redis_server.c: a Redis server of one's own, in a folder of its own, for a test. */
#include "redis_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK_EQ(bind(fd, (struct sockaddr *)&address, size), 0);
    CHECK_EQ(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static bool answers(const struct redis_server *server)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char answer[64];
    bool good;

    memcpy(address.sun_path, server->path, sizeof server->path);
    good = connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
           write(fd, "PING\r\n", 6) == 6 && read(fd, answer, sizeof answer) > 0;
    close(fd);
    return good;
}

void redis_server_again(struct redis_server *server)
{
    char port[16];
    const char *const ours[] = {"redis-server", "--save",       "",           "--appendonly",
                                "no",           "--bind",       "127.0.0.1",  "--port",
                                port,           "--unixsocket", server->path, "--dir",
                                server->folder, "--loglevel",   "warning"};
    char *arguments[48] = {NULL};
    size_t count = 0;
    posix_spawn_file_actions_t actions;

    snprintf(port, sizeof port, "%d", server->port);
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        arguments[count++] = strdup(ours[i]);
    for (size_t i = 0; server->more[i]; i++) {
        if (strcmp(server->more[i], "--tls-port") == 0) { /* the number follows: it is ours */
            snprintf(port, sizeof port, "0");
            free(arguments[8]);
            arguments[8] = strdup(port);
            snprintf(port, sizeof port, "%d", server->port);
            arguments[count++] = strdup("--tls-port");
            arguments[count++] = strdup(port);
        } else {
            arguments[count++] = strdup(server->more[i]);
        }
        CHECK(count < 47);
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    if (posix_spawnp(&server->pid, "redis-server", &actions, NULL, arguments, environ) != 0)
        fail_msg("redis-server is not here: tools/setup.sh test installs it");
    posix_spawn_file_actions_destroy(&actions);
    for (size_t i = 0; i < count; i++)
        free(arguments[i]);
    for (int i = 0; i < 500 && !answers(server); i++) {
        CHECK_EQ(waitpid(server->pid, NULL, WNOHANG), 0); /* it would have died */
        usleep(20000);
    }
    CHECK(answers(server));
}

void redis_server_start(struct redis_server *server, const char *const *more)
{
    size_t count = 0;

    *server = (struct redis_server){.port = free_port()};
    snprintf(server->folder, sizeof server->folder, "/tmp/mcp-auth-redis-XXXXXX");
    CHECK(mkdtemp(server->folder) != NULL);
    snprintf(server->path, sizeof server->path, "%s/s", server->folder);
    for (; more && more[count]; count++) {
        CHECK(count < 15);
        server->more[count] = more[count];
    }
    redis_server_again(server);
}

void redis_server_kill(struct redis_server *server)
{
    if (server->pid == 0)
        return;
    CHECK_EQ(kill(server->pid, SIGKILL), 0);
    CHECK_EQ(waitpid(server->pid, NULL, 0), server->pid);
    server->pid = 0;
    unlink(server->path);
}

void redis_server_stop(struct redis_server *server)
{
    redis_server_kill(server);
    CHECK_EQ(rmdir(server->folder), 0);
}
