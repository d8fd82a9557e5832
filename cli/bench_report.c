/* SPDX-License-Identifier: Apache-2.0 */
/* bench_report.c: what a load has measured, for people. */
#include "bench.h"

#define BAR 40

/* "1,234,567": six digits without a mark are miscounted. */
static const char *grouped(unsigned long long number, char ret[32])
{
    char digits[24];
    int size = snprintf(digits, sizeof digits, "%llu", number), at = 0;

    for (int i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0)
            ret[at++] = ',';
        ret[at++] = digits[i];
    }
    ret[at] = '\0';
    return ret;
}

/* "850 us", "1.23 ms", "12.3 s". */
static const char *duration(double ns, char ret[32])
{
    const char *unit = ns < 1e6 ? "us" : ns < 1e9 ? "ms" : "s";
    double value = ns / (ns < 1e6 ? 1e3 : ns < 1e9 ? 1e6 : 1e9);

    snprintf(ret, 32, "%.*f %s", value < 10 ? 2 : value < 100 ? 1 : 0, value, unit);
    return ret;
}

static void label(const char *text)
{
    printf("%s%-12s%s ", style_on(stdout, STYLE_BOLD), text, style_off(stdout));
}

static void print_percentiles(const char *what, const struct histogram *histogram)
{
    static const struct {
        const char *name;
        double share;
    } shares[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1}};
    char text[32];

    if (histogram->count == 0)
        return;
    printf("             %-8s", what);
    for (size_t i = 0; i < ARRAY_COUNT(shares); i++)
        printf("  %s %s", shares[i].name,
               duration((double)histogram_at(histogram, shares[i].share), text));
    putchar('\n');
}

/* 1, 2, 5, 10 ... of microseconds up to minutes: a picture, not the measurement. */
static void print_histogram(const struct histogram *histogram)
{
    uint64_t before = 0;
    char text[32], number[32];

    if (histogram->count == 0)
        return;
    printf("\n%slatency of an event, from when it was due to be published to its receipt%s\n",
           style_on(stdout, STYLE_BOLD), style_off(stdout));
    for (uint64_t decade = 1000; before < histogram->count; decade *= 10) {
        static const unsigned steps[] = {1, 2, 5};

        for (size_t i = 0; i < ARRAY_COUNT(steps) && before < histogram->count; i++) {
            /* Beyond the range everything is in one row. */
            bool last = decade > UINT64_C(100000000000);
            uint64_t up_to = last ? UINT64_MAX : decade * steps[i];
            uint64_t count = histogram_up_to(histogram, up_to), here = count - before;

            if (before > 0 || here > 0) {
                int bar = (int)((double)here / (double)histogram->count * BAR + 0.5);

                printf("  up to %8s  %13s  %5.1f %%  %.*s\n", duration((double)up_to, text),
                       grouped(here, number), 100.0 * (double)here / (double)histogram->count, bar,
                       "########################################");
            }
            before = count;
        }
    }
}

static void print_codes(const char *what, const struct load_codes *codes)
{
    if (codes->count == 0)
        return;
    printf("             %s:", what);
    for (unsigned i = 0; i < codes->count; i++) {
        if (codes->code[i])
            printf(" %u x %llu", codes->code[i], codes->times[i]);
        else
            printf(" without a code x %llu", codes->times[i]);
    }
    if (codes->others)
        printf(" others x %llu", codes->others);
    putchar('\n');
}

static void print_connections(const struct bench *bench, const struct load_result *result)
{
    const double seconds = (double)result->joining_ns / 1e9;
    char in[32], asked[32];

    label("connections");
    printf("%s of %s signed in, in %.2f s (%.0f/s)", grouped(result->signed_in, in),
           grouped((unsigned long long)bench->connections, asked), seconds,
           seconds > 0 ? result->signed_in / seconds : 0);
    if (result->ended_early)
        printf(", %u ended before the end", result->ended_early);
    putchar('\n');
    print_percentiles("sign-in", &result->sign_in);
    print_codes("refused", &result->failed_by);
    if (result->failed && !result->why[0]) {
        printf("             the first: ");
        print_clean(stdout, bytes_of(result->first_failure));
        putchar('\n');
    }
    print_codes("ended", &result->ended_by);
}

static void print_published(const struct bench *bench, const struct load_result *result)
{
    const double seconds = (double)result->publishing_ns / 1e9;
    char accepted[32], due[32], requests[32];

    if (result->due == 0)
        return;
    label("published");
    printf("%s of %s events, %.1f/s of %ld/s, in %s requests over %ld connections\n",
           grouped(result->accepted, accepted), grouped(result->due, due),
           seconds > 0 ? (double)result->accepted / seconds : 0, bench->rate,
           grouped(result->requests, requests), bench->publishers);
    print_percentiles("answer", &result->answer);
    print_codes("refused", &result->refused_by);
}

static void print_received(const struct load_result *result)
{
    const double seconds = (double)result->receiving_ns / 1e9;
    char received[32], expected[32];

    label("received");
    printf("%s of %s frames, %.0f/s, %.1f MB\n", grouped(result->received, received),
           grouped(result->expected, expected),
           seconds > 0 ? (double)result->received / seconds : 0, (double)result->bytes / 1e6);
    print_percentiles("latency", &result->delivery);
    printf("             lost %llu, doubled %llu, out of order %llu, misdelivered %llu; others' "
           "events %llu, heartbeats %llu\n",
           result->lost, result->doubled, result->late, result->misdelivered, result->foreign,
           result->heartbeats);
    if (result->cut_off)
        printf("             %llu not received by connections that had ended\n", result->cut_off);
    if (result->unsure)
        printf("             %llu perhaps never published: their request got no answer\n",
               result->unsure);
    if (result->in_flight)
        printf("             %llu still under way when it was interrupted\n", result->in_flight);
}

/* Whether this program was the narrow place: what it measures then is itself. */
static void print_self(const struct load_result *result)
{
    const double ns = (double)result->cpu_ns;
    const double wall_ns = (double)result->busy_ns;
    const double share = wall_ns > 0 ? 100 * ns / wall_ns : 0;

    if (result->phase != LOAD_ENDED || wall_ns <= 0)
        return;
    label("this program");
    printf("%.0f %% of one core", share);
    if (result->received)
        printf(", %.2f us of CPU a frame", ns / 1e3 / (double)result->received);
    putchar('\n');
    if (share > 80)
        printf("             %sit was the narrow place itself: ask for less, or share the load "
               "among several%s\n",
               style_on(stdout, STYLE_YELLOW), style_off(stdout));
}

void bench_report(const struct bench *bench, const struct load *load)
{
    const struct load_result *result = load_result(load);
    char connections[32];

    printf("%s%s%s: %s to %s %s connections", style_on(stdout, STYLE_BOLD), bench->call.url,
           style_off(stdout), bench->targeted ? "each event to one user" : "each event to all",
           grouped((unsigned long long)bench->connections, connections),
           bench->plain ? "plain" : "session");
    printf(", %ld events/s for %ld s%s\n\n", bench->rate, bench->duration,
           result->interrupted ? " (interrupted)" : "");
    print_connections(bench, result);
    print_published(bench, result);
    if (result->due && result->phase == LOAD_ENDED)
        print_received(result);
    print_self(result);
    print_histogram(&result->delivery);
    if (result->not_sent && !result->interrupted && !result->why[0])
        printf("\n%s%llu events were due and never sent: the server took no more%s\n",
               style_on(stdout, STYLE_YELLOW), result->not_sent, style_off(stdout));
    if (load_succeeded(load))
        printf("\n%s%s%s\n", style_on(stdout, STYLE_GREEN),
               bench->rate ? "everything arrived once" : "every connection held",
               style_off(stdout));
}
