/* SPDX-License-Identifier: Apache-2.0 */
/* bench.h: what the files of the bench command share: its flags, its tokens, its reports. */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include "cli.h"
#include "load/load.h"

struct bench {
    struct call call; /* --url, --token */
    struct cli_settings settings;
    struct load_plan plan;
    long connections, users, connect_rate, rate, batch, publishers, data_size, duration, settle;
    bool targeted, broadcast, plain, json, quiet;
    const char *event_type, *tenant, *api_key;

    /* bench_tokens.c. Yours by bench_tokens_done. */
    bool mints; /* each connection gets a token of its own user */
    char *publish_token, *last_token, *user, *user_tenant;
    char admin_role[257];
};

/* bench_flags.c. A status; all that is wrong has been said. */
MUST_CHECK int bench_flags(struct bench *bench, struct args *args);

/* bench_tokens.c: whose connections they are, and who publishes; fills in the plan. A status. */
MUST_CHECK int bench_tokens(struct bench *bench);
void bench_tokens_done(struct bench *bench);

/* bench_progress.c: a line on standard error, if that is a terminal. */
void bench_progress(void *owner, const struct load *load);
void bench_progress_done(const struct bench *bench);

/* bench_report.c and bench_json.c: what was measured, on standard output. */
void bench_report(const struct bench *bench, const struct load *load);
void bench_json(const struct bench *bench, const struct load *load);

#endif
