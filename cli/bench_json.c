/* SPDX-License-Identifier: Apache-2.0 */
/* bench_json.c: what a load has measured, as one JSON object. */
#include "bench.h"

static void put_text(struct strbuf *out, const char *name, const char *text)
{
    strbuf_printf(out, "\"%s\":", name);
    json_text_put(out, bytes_of(text));
    strbuf_putc(out, ',');
}

/* Milliseconds; the buckets that hold something, each by its upper end: 0.8 % wide at most. */
static void put_histogram(struct strbuf *out, const char *name, const struct histogram *histogram)
{
    const char *comma = "";

    strbuf_printf(out, "\"%s\":{\"count\":%llu", name, (unsigned long long)histogram->count);
    if (histogram->count)
        strbuf_printf(out,
                      ",\"min\":%.6f,\"mean\":%.6f,\"p50\":%.6f,\"p90\":%.6f,\"p99\":%.6f,"
                      "\"p99_9\":%.6f,\"max\":%.6f",
                      (double)histogram->min_ns / 1e6, histogram_mean_ns(histogram) / 1e6,
                      (double)histogram_at(histogram, 0.5) / 1e6,
                      (double)histogram_at(histogram, 0.9) / 1e6,
                      (double)histogram_at(histogram, 0.99) / 1e6,
                      (double)histogram_at(histogram, 0.999) / 1e6,
                      (double)histogram->max_ns / 1e6);
    strbuf_puts(out, ",\"buckets\":[");
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (!histogram->buckets[i])
            continue;
        strbuf_printf(out, "%s[%.6f,%llu]", comma, (double)histogram_top(i) / 1e6,
                      (unsigned long long)histogram->buckets[i]);
        comma = ",";
    }
    strbuf_puts(out, "]}");
}

static void put_codes(struct strbuf *out, const char *name, const struct load_codes *codes)
{
    strbuf_printf(out, "\"%s\":{", name);
    for (unsigned i = 0; i < codes->count; i++)
        strbuf_printf(out, "%s\"%u\":%llu", i ? "," : "", codes->code[i], codes->times[i]);
    if (codes->others)
        strbuf_printf(out, ",\"others\":%llu", codes->others);
    strbuf_puts(out, "},");
}

static void put_connections(struct strbuf *out, const struct bench *bench,
                            const struct load_result *result)
{
    strbuf_printf(out,
                  "\"connections\":{\"asked\":%ld,\"signed_in\":%u,\"refused\":%u,"
                  "\"ended_early\":%u,\"seconds\":%.6f,",
                  bench->connections, result->signed_in, result->failed, result->ended_early,
                  (double)result->joining_ns / 1e9);
    put_codes(out, "refused_by_code", &result->failed_by);
    put_codes(out, "ended_by_code", &result->ended_by);
    put_histogram(out, "sign_in_ms", &result->sign_in);
    strbuf_puts(out, "},");
}

static void put_published(struct strbuf *out, const struct bench *bench,
                          const struct load_result *result)
{
    const double seconds = (double)result->publishing_ns / 1e9;

    strbuf_printf(out,
                  "\"published\":{\"rate_asked\":%ld,\"rate\":%.3f,\"seconds\":%.6f,\"due\":%llu,"
                  "\"accepted\":%llu,\"refused\":%llu,\"unanswered\":%llu,\"not_sent\":%llu,"
                  "\"requests\":%llu,\"sent_again\":%llu,",
                  bench->rate, seconds > 0 ? (double)result->accepted / seconds : 0, seconds,
                  result->due, result->accepted, result->refused, result->unknown, result->not_sent,
                  result->requests, result->resent);
    put_codes(out, "refused_by_status", &result->refused_by);
    put_histogram(out, "answer_ms", &result->answer);
    strbuf_puts(out, "},");
}

static void put_received(struct strbuf *out, const struct load_result *result)
{
    const double seconds = (double)result->receiving_ns / 1e9;

    strbuf_printf(out,
                  "\"received\":{\"expected\":%llu,\"received\":%llu,\"lost\":%llu,"
                  "\"in_flight\":%llu,\"unsure\":%llu,\"cut_off\":%llu,\"doubled\":%llu,"
                  "\"out_of_order\":%llu,\"misdelivered\":%llu,\"foreign\":%llu,"
                  "\"heartbeats\":%llu,\"control_frames\":%llu,\"bytes\":%llu,\"rate\":%.3f,",
                  result->expected, result->received, result->lost, result->in_flight,
                  result->unsure, result->cut_off, result->doubled, result->late,
                  result->misdelivered, result->foreign, result->heartbeats, result->others,
                  result->bytes, seconds > 0 ? (double)result->received / seconds : 0);
    put_histogram(out, "latency_ms", &result->delivery);
    strbuf_puts(out, "},");
}

void bench_json(const struct bench *bench, const struct load *load)
{
    const struct load_result *result = load_result(load);
    const double wall_ns = (double)result->busy_ns;
    struct strbuf out;

    strbuf_init(&out, 4u * 1024u * 1024u);
    strbuf_putc(&out, '{');
    put_text(&out, "url", bench->call.url);
    put_text(&out, "audience", bench->targeted ? "targeted" : "broadcast");
    put_text(&out, "client", bench->plain ? "plain" : "session");
    put_text(&out, "event_type", bench->event_type);
    strbuf_printf(&out,
                  "\"users\":%u,\"batch\":%ld,\"publishers\":%ld,\"data_size\":%ld,"
                  "\"duration\":%ld,\"ok\":%s,\"interrupted\":%s,",
                  bench->plan.users, bench->batch, bench->publishers, bench->data_size,
                  bench->duration, load_succeeded(load) ? "true" : "false",
                  result->interrupted ? "true" : "false");
    if (result->why[0])
        put_text(&out, "why", result->why);
    put_connections(&out, bench, result);
    put_published(&out, bench, result);
    put_received(&out, result);
    strbuf_printf(&out, "\"client_cpu\":{\"seconds\":%.6f,\"us_per_frame\":%.3f,\"core\":%.4f}}",
                  (double)result->cpu_ns / 1e9,
                  result->received ? (double)result->cpu_ns / 1e3 / (double)result->received : 0,
                  wall_ns > 0 ? (double)result->cpu_ns / wall_ns : 0);
    if (strbuf_terminate(&out) == 0)
        puts(out.data);
    else
        say_error("bench", "%s", mcp_auth_strerror(out.error));
    strbuf_done(&out);
}
