/* SPDX-License-Identifier: Apache-2.0 */
/* seeds.h: a simulation's command line: seed after seed, and what they must have reached. */
#ifndef SIM_SEEDS_H
#define SIM_SEEDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEEDS_FAILED_MAX 3 /* then it ends: the first few tell what is wrong */

struct seeds_stat {
    const char *name;
    const unsigned long *count;
};
/* For a list STATS(X) of the counters in `stats`. */
#define SEEDS_STAT(name) {#name, &stats.name},

struct simulation {
    const char *name;
    unsigned long runs, steps; /* unless told otherwise */
    bool traces;
    /* What is wrong, or NULL. What is under test is in an unknown state then: it is left as it
     * stands, not freed. */
    const char *(*run)(uint64_t seed, unsigned long steps, bool trace);
    const struct seeds_stat *stats;
    size_t stats_count;
};

/* NAME [--seed N] [--runs N] [--steps N] [--trace], or just N for one seed. Seeds count up from the
 * first. For main to return. */
int seeds_main(const struct simulation *simulation, int argc, char **argv);

#endif
