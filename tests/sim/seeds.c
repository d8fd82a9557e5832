/* SPDX-License-Identifier: Apache-2.0 */
/* seeds.c: a simulation's command line: seed after seed, and what they must have reached. */
#include "seeds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arguments {
    uint64_t seed;
    unsigned long runs, steps;
    bool trace;
};

static bool arguments_read(const struct simulation *simulation, int argc, char **argv,
                           struct arguments *ret)
{
    *ret = (struct arguments){1, simulation->runs, simulation->steps, false};
    for (int i = 1; i < argc; i++) {
        if (i + 1 < argc && strcmp(argv[i], "--seed") == 0) {
            ret->seed = strtoull(argv[++i], NULL, 10);
        } else if (i + 1 < argc && strcmp(argv[i], "--runs") == 0) {
            ret->runs = strtoul(argv[++i], NULL, 10);
        } else if (i + 1 < argc && strcmp(argv[i], "--steps") == 0) {
            ret->steps = strtoul(argv[++i], NULL, 10);
        } else if (simulation->traces && strcmp(argv[i], "--trace") == 0) {
            ret->trace = true;
        } else if (argv[i][0] >= '0' && argv[i][0] <= '9') {
            ret->seed = strtoull(argv[i], NULL, 10);
            ret->runs = 1;
        } else {
            fprintf(stderr, "usage: %s [--seed N] [--runs N] [--steps N]%s\n", simulation->name,
                    simulation->traces ? " [--trace]" : "");
            return false;
        }
    }
    return true;
}

static bool run(const struct simulation *simulation, const struct arguments *arguments,
                unsigned long long seed)
{
    const char *problem = simulation->run(seed, arguments->steps, arguments->trace);

    if (!problem)
        return true;
    printf("seed %llu: %s\n  repeat: %s --seed %llu --runs 1 --steps %lu\n", seed, problem,
           simulation->name, seed, arguments->steps);
    fflush(stdout);
    return false;
}

static unsigned long print_stats(const struct simulation *simulation)
{
    unsigned long missing = 0;

    printf("reached:");
    for (size_t i = 0; i < simulation->stats_count; i++)
        printf(" %s %lu", simulation->stats[i].name, *simulation->stats[i].count);
    printf("\n");
    for (size_t i = 0; i < simulation->stats_count; i++)
        if (*simulation->stats[i].count == 0) {
            printf("never reached: %s\n", simulation->stats[i].name);
            missing++;
        }
    return missing;
}

int seeds_main(const struct simulation *simulation, int argc, char **argv)
{
    struct arguments arguments;
    unsigned long passed = 0, failed = 0;

    if (!arguments_read(simulation, argc, argv, &arguments))
        return 2;
    for (unsigned long i = 0; i < arguments.runs && failed < SEEDS_FAILED_MAX; i++) {
        if (run(simulation, &arguments, arguments.seed + i))
            passed++;
        else
            failed++;
    }
    /* A state that was never reached was never tested. Only a whole run can be held to that. */
    if (print_stats(simulation) > 0 && arguments.runs >= simulation->runs && failed == 0)
        failed++;
    printf("%lu passed, %lu failed\n", passed, failed);
    return failed ? 1 : 0;
}
