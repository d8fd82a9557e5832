/* SPDX-License-Identifier: Apache-2.0 */
/* client.c: the load client: many receivers and a publisher, told by lines what to do. */

/* Every server is measured by this program: it connects, publishes, counts every frame, and reads
 * the servers' CPU clock around what it did. One line of JSON answers each command:
 *
 *   connect N             N receivers, signed in when the plan says so
 *   calibrate BYTES       pads the event so that a frame's payload has this many bytes
 *   run ROUNDS K [RATE]   ROUNDS times K events, each round awaited, or RATE rounds a second;
 *                         with --spread one, ROUNDS * K events in batches of K without waiting
 *   publisher             opens the publishing side
 *   disconnect            both
 *   quit
 *
 * Numbers are nanoseconds. "complete" is true only when every receiver got exactly its frames. */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "client_parts.h"
#include "pattern.h"

struct plan plan = {
    .path = "/ws",
    .connecting = 128,
    .publish_type = "application/json",
    .event = "{}",
    .prefix = "",
    .join = "",
    .suffix = "",
    .publishers = 1,
    .nap_us = 200,
    .timeout_ms = 30000,
};

_Noreturn void die(const char *format, ...)
{
    va_list values;

    va_start(values, format);
    fputs("client: ", stderr);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
    va_end(values);
    exit(1);
}

static unsigned long long ull(uint64_t value)
{
    return value;
}

static void connect_all(unsigned count)
{
    uint64_t cpu, began, own;
    bool complete;

    tokens_make(count);
    cpu = servers_cpu_settled_ns();
    began = now_ns();
    own = own_cpu_ns();
    complete = swarm_connect(count);
    own = own_cpu_ns() - own;
    began = now_ns() - began;
    cpu = servers_cpu_settled_ns() - cpu;
    swarm_turn(0);
    complete = complete && swarm_totals().open == count && swarm_totals().closed == 0;
    printf("{\"connected\":%u,\"complete\":%s,\"server_cpu\":%llu,\"client_cpu\":%llu,"
           "\"wall\":%llu}\n",
           swarm_totals().open, complete ? "true" : "false", ull(cpu), ull(own), ull(began));
}

static void want_round(unsigned batch)
{
    for (unsigned i = 0; i < swarm_count(); i++)
        swarm_want(i, plan.spread == SPREAD_ALL ? batch
                                                : (uint32_t)__builtin_popcountll(pattern_mix(i)));
}

/* Until every frame is here and every request is answered; false when that takes too long. */
static bool await(uint64_t wanted)
{
    uint64_t last = now_ns() + (uint64_t)plan.timeout_ms * 1000000u;

    while (swarm_frames() < wanted || !publish_done()) {
        swarm_turn(100);
        if (now_ns() > last || publish_failure())
            return false;
    }
    return true;
}

static bool rounds(unsigned count, unsigned batch, double rate)
{
    uint64_t began = now_ns(), wanted = 0;

    for (unsigned i = 0; i < count; i++) {
        uint64_t due = began + (rate > 0 ? (uint64_t)(i * 1e9 / rate) : 0);

        while (now_ns() < due)
            swarm_turn((int)((due - now_ns()) / 1000000u) + 1);
        want_round(batch);
        wanted = swarm_wanted();
        publish_begin(batch, batch);
        if (rate <= 0 && !await(wanted))
            return false;
    }
    return await(wanted);
}

static bool targeted(unsigned count, unsigned batch)
{
    publish_begin((uint64_t)count * batch, batch);
    while (!publish_done())
        if (!await(0))
            return false;
    return await(swarm_wanted());
}

static void run(unsigned count, unsigned batch, double rate)
{
    uint64_t cpu = servers_cpu_settled_ns(), wall = now_ns(), own = own_cpu_ns();
    struct totals t;
    bool in_time;

    swarm_begin();
    latency_reset();
    in_time = plan.spread == SPREAD_ONE ? targeted(count, batch) : rounds(count, batch, rate);
    own = own_cpu_ns() - own;
    wall = now_ns() - wall;
    cpu = servers_cpu_settled_ns() - cpu;
    swarm_turn(0); /* what came too much shows, too */
    t = swarm_totals();
    printf("{\"frames\":%llu,\"expected\":%llu,\"unlike\":%llu,\"bytes\":%llu,\"closed\":%u,"
           "\"complete\":%s,\"refused\":%s,\"server_cpu\":%llu,\"client_cpu\":%llu,\"wall\":%llu",
           ull(t.frames), ull(swarm_wanted()), ull(t.unlike), ull(t.bytes), t.closed,
           in_time && t.unlike == 0 && t.closed == 0 && !publish_failure() ? "true" : "false",
           publish_failure() ? "true" : "false", ull(cpu), ull(own), ull(wall));
    if (plan.latency)
        printf(",\"latency\":{\"samples\":%llu,\"p50\":%llu,\"p99\":%llu,\"p999\":%llu}",
               ull(latency_count()), ull(latency_at(0.5)), ull(latency_at(0.99)),
               ull(latency_at(0.999)));
    puts("}");
    if (publish_failure())
        fprintf(stderr, "client: refused: %s\n", publish_failure());
}

/* A round with some padding, so that the head has its four bytes, tells how much is missing. */
static void calibrate(unsigned size)
{
    const unsigned trial = 126, head = 4; /* RFC 6455 section 5.2: from 126 bytes on */
    uint64_t each;
    bool complete;

    publish_pad(trial);
    swarm_begin();
    complete = plan.spread == SPREAD_ONE ? targeted(1, 1)
                                         : rounds(1, plan.spread == SPREAD_MIX ? 64 : 1, 0);
    if (!complete || swarm_totals().frames == 0)
        die("no frame came: %s", publish_failure() ? publish_failure() : "");
    each = swarm_totals().bytes / swarm_totals().frames - head;
    if (each > size + trial)
        die("a frame has %llu bytes without padding, more than %u", ull(each) - trial, size);
    publish_pad(size + trial - (unsigned)each);
    printf("{\"payload\":%u,\"pad\":%u}\n", size, size + trial - (unsigned)each);
}

static void obey(const char *line)
{
    unsigned count, batch;
    double rate = 0;

    if (sscanf(line, "connect %u", &count) == 1 && count <= CONNECTIONS_MAX) {
        connect_all(count);
    } else if (sscanf(line, "calibrate %u", &count) == 1) {
        calibrate(count);
    } else if (sscanf(line, "run %u %u %lf", &count, &batch, &rate) >= 2) {
        run(count, batch, rate);
    } else if (strcmp(line, "publisher\n") == 0) {
        publish_open();
        puts("{}");
    } else if (strcmp(line, "disconnect\n") == 0) {
        publish_close();
        swarm_disconnect();
        puts("{}");
    } else {
        die("no command: %s", line);
    }
    fflush(stdout);
}

static unsigned word_of(const char *word, const char *const *words, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (strcmp(word, words[i]) == 0)
            return i;
    die("no such word: %s", word);
}

static void take_pids(char *list)
{
    for (char *at = strtok(list, ","); at; at = strtok(NULL, ","))
        if (plan.pid_count < PIDS_MAX)
            plan.pids[plan.pid_count++] = (pid_t)strtol(at, NULL, 10);
}

static void take_option(int letter, char *value)
{
    static const char *const spreads[] = {"all", "mix", "one"};
    static const char *const roads[] = {"order", "http", "host"};

    switch (letter) {
    case 'p':
        plan.port = (int)strtol(value, NULL, 10);
        break;
    case 'c':
        plan.control_port = (int)strtol(value, NULL, 10);
        break;
    case 'P':
        plan.path = value;
        break;
    case 'o':
        plan.protocol = value;
        break;
    case 'h':
        plan.hello = value;
        break;
    case 'H':
        plan.hello_frames = (unsigned)strtoul(value, NULL, 10);
        break;
    case 'b':
        plan.bearer = true;
        break;
    case 's':
        plan.secret = value;
        break;
    case 'r':
        plan.role = value;
        break;
    case 'm':
        plan.mixed_permissions = true;
        break;
    case 'C':
        plan.connecting = (unsigned)strtoul(value, NULL, 10);
        break;
    case 'B':
        plan.burst = true;
        break;
    case 'S':
        plan.spread = word_of(value, spreads, 3);
        break;
    case 'R':
        plan.road = word_of(value, roads, 3);
        break;
    case 'u':
        plan.publish_path = value;
        break;
    case 'a':
        plan.publish_header = value;
        break;
    case 't':
        plan.publish_type = value;
        break;
    case 'e':
        plan.event = value;
        break;
    case 'x':
        plan.prefix = value;
        break;
    case 'j':
        plan.join = value;
        break;
    case 'y':
        plan.suffix = value;
        break;
    case '1':
        plan.single = true;
        break;
    case 'n':
        plan.publishers = (unsigned)strtoul(value, NULL, 10);
        break;
    case 'l':
        plan.latency = true;
        break;
    case 'N':
        plan.nap_us = (unsigned)strtoul(value, NULL, 10);
        break;
    case 'T':
        plan.timeout_ms = (unsigned)strtoul(value, NULL, 10);
        break;
    case 'i':
        take_pids(value);
        break;
    default:
        die("see bench/README.md for the options");
    }
}

int main(int count, char **words)
{
    static const struct option options[] = {
        {"port", 1, NULL, 'p'},
        {"control-port", 1, NULL, 'c'},
        {"path", 1, NULL, 'P'},
        {"protocol", 1, NULL, 'o'},
        {"hello", 1, NULL, 'h'},
        {"hello-frames", 1, NULL, 'H'},
        {"bearer", 0, NULL, 'b'},
        {"secret", 1, NULL, 's'},
        {"role", 1, NULL, 'r'},
        {"mixed-permissions", 0, NULL, 'm'},
        {"connecting", 1, NULL, 'C'},
        {"spread", 1, NULL, 'S'},
        {"road", 1, NULL, 'R'},
        {"publish-path", 1, NULL, 'u'},
        {"publish-header", 1, NULL, 'a'},
        {"publish-type", 1, NULL, 't'},
        {"event", 1, NULL, 'e'},
        {"prefix", 1, NULL, 'x'},
        {"join", 1, NULL, 'j'},
        {"suffix", 1, NULL, 'y'},
        {"single", 0, NULL, '1'},
        {"publishers", 1, NULL, 'n'},
        {"latency", 0, NULL, 'l'},
        {"timeout", 1, NULL, 'T'},
        {"nap", 1, NULL, 'N'},
        {"pids", 1, NULL, 'i'},
        {"burst", 0, NULL, 'B'},
        {NULL, 0, NULL, 0},
    };
    struct rlimit files;
    char line[256];
    int letter;

    while ((letter = getopt_long(count, words, "", options, NULL)) != -1)
        take_option(letter, optarg);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    swarm_init();
    while (fgets(line, sizeof line, stdin) && strcmp(line, "quit\n") != 0)
        obey(line);
    return 0;
}
