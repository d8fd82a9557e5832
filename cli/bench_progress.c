/* SPDX-License-Identifier: Apache-2.0 */
/* bench_progress.c: how far a load is, on one line of a terminal. */
#include <unistd.h>

#include "bench.h"

#define BAR 24

static bool wanted(const struct bench *bench)
{
    return !bench->quiet && isatty(STDERR_FILENO);
}

static void put_bar(double share)
{
    int full = (int)(share * BAR + 0.5);

    fputs("\r[", stderr);
    for (int i = 0; i < BAR; i++)
        fputc(i < full ? '#' : '.', stderr);
    fputs("] ", stderr);
}

void bench_progress(void *owner, const struct load *load)
{
    const struct bench *bench = owner;
    const struct load_result *result = load_result(load);
    const double seconds = (double)result->publishing_ns / 1e9;
    double share = seconds / (double)bench->duration;

    if (!wanted(bench))
        return;
    if (result->phase == LOAD_JOINING) {
        put_bar((double)result->signed_in / (double)bench->connections);
        fprintf(stderr, "signing in: %u of %ld", result->signed_in, bench->connections);
    } else if (result->phase < LOAD_LEAVING) {
        put_bar(share > 1 ? 1 : share);
        fprintf(stderr, "%.0f of %ld s  %llu published  %llu received  p99 %.2f ms", seconds,
                bench->duration, result->accepted, result->received,
                (double)histogram_at(&result->delivery, 0.99) / 1e6);
        if (result->ended_early)
            fprintf(stderr, "  %u ended", result->ended_early);
    }
    fputs("\033[K", stderr);
    fflush(stderr);
}

void bench_progress_done(const struct bench *bench)
{
    if (wanted(bench))
        fputs("\r\033[K", stderr);
}
