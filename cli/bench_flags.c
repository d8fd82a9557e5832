/* SPDX-License-Identifier: Apache-2.0 */
/* bench_flags.c: the flags of the bench command, and which of them go together. */
#include <stdlib.h>
#include <string.h>

#include "bench.h"

/* 1 taken, 0 another flag, negative: said what is wrong. */
static int number_flag(struct bench *bench, struct args *args)
{
    const struct {
        const char *flag;
        long min, max, *place;
    } numbers[] = {
        {"--connections", 1, LOAD_CONNECTIONS_MAX, &bench->connections},
        {"--users", 1, LOAD_CONNECTIONS_MAX, &bench->users},
        {"--connect-rate", 1, LOAD_RATE_MAX, &bench->connect_rate},
        {"--rate", 0, LOAD_RATE_MAX, &bench->rate},
        {"--batch", 1, LOAD_BATCH_MAX, &bench->batch},
        {"--publishers", 1, LOAD_PUBLISHERS_MAX, &bench->publishers},
        {"--data-size", 0, LOAD_DATA_SIZE_MAX, &bench->data_size},
        {"--duration", 1, LOAD_SECONDS_MAX, &bench->duration},
        {"--settle", 0, 3600, &bench->settle},
    };

    for (size_t i = 0; i < ARRAY_COUNT(numbers); i++)
        if (strcmp(args->flag, numbers[i].flag) == 0)
            return args_number(args, numbers[i].min, numbers[i].max, numbers[i].place) ? 1 : -1;
    return 0;
}

static int switch_flag(struct bench *bench, struct args *args)
{
    bool session = false;
    const struct {
        const char *flag;
        bool *place;
    } switches[] = {
        {"--targeted", &bench->targeted}, {"--broadcast", &bench->broadcast},
        {"--plain", &bench->plain},       {"--session", &session},
        {"--json", &bench->json},         {"--quiet", &bench->quiet},
    };

    for (size_t i = 0; i < ARRAY_COUNT(switches); i++) {
        if (strcmp(args->flag, switches[i].flag) != 0)
            continue;
        if (!args_no_value(args))
            return -1;
        *switches[i].place = true;
        if (session)
            bench->plain = false;
        return 1;
    }
    return 0;
}

static int one_flag(struct bench *bench, struct args *args)
{
    const struct {
        const char *flag, **place;
    } texts[] = {
        {"--event-type", &bench->event_type},
        {"--tenant", &bench->tenant},
        {"--api-key", &bench->api_key},
    };
    int r = number_flag(bench, args);

    if (r == 0)
        r = switch_flag(bench, args);
    for (size_t i = 0; r == 0 && i < ARRAY_COUNT(texts); i++) {
        if (strcmp(args->flag, texts[i].flag) != 0)
            continue;
        *texts[i].place = args_value(args);
        r = *texts[i].place ? 1 : -1;
    }
    if (r == 0)
        r = call_flag(&bench->call, args);
    return r == 0 ? cli_settings_flag(&bench->settings, args) : r;
}

/* These take something away from whom they name: a load of them would end its own connections, or
 * change what its own users may see. */
static bool takes_away(const char *event_type)
{
    return strcmp(event_type, "user_deleted") == 0 || strcmp(event_type, "role_revoked") == 0 ||
           strcmp(event_type, "permission_revoked") == 0;
}

static int check(const struct bench *bench)
{
    if (bench->targeted && bench->broadcast) {
        say_error("bench", "--targeted and --broadcast exclude each other");
        return STATUS_USAGE;
    }
    if (bench->users > bench->connections) {
        say_error("bench", "--users %ld is more than --connections %ld", bench->users,
                  bench->connections);
        return STATUS_USAGE;
    }
    if (takes_away(bench->event_type)) {
        say_error("bench",
                  "--event-type %s takes something away from those it names, which would end or "
                  "change the connections of the load; take another, such as role_assigned",
                  bench->event_type);
        return STATUS_USAGE;
    }
    return STATUS_OK;
}

int bench_flags(struct bench *bench, struct args *args)
{
    bool named = false;
    const char *word;
    enum arg arg;
    int r;

    while ((arg = args_next(args, &word)) != ARG_END) {
        if (arg == ARG_BAD)
            return STATUS_USAGE;
        if (arg == ARG_WORD && (named || !strchr(word, ':'))) {
            say_error("bench", "%s is not wanted here; see mcp-auth bench --help", word);
            return STATUS_USAGE;
        }
        if (arg == ARG_WORD) {
            bench->call.url = word;
            named = true;
            continue;
        }
        r = one_flag(bench, args);
        if (r < 0)
            return STATUS_USAGE;
        if (r == 0)
            return args_unknown(args);
    }
    if (bench->users == 0)
        bench->users = bench->connections;
    return check(bench);
}
