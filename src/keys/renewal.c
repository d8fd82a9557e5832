/* SPDX-License-Identifier: Apache-2.0 */
/* renewal.c: key sets from addresses, fetched and renewed in one helper thread. */
#include "keys/renewal.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "keys/fetch.h"
#include "keys/key_url.h"
#include "keys/schedule.h"
#include "mcp_auth/error.h"

#define IDLE_MS_MAX 3600000

struct source {
    char url[KEY_URL_SIZE_MAX + 1];
    struct fetch fetch;
    struct schedule schedule;
    bool running;
    bool had;          /* it came once */
    bool out;          /* it does not come, and that was told */
    bool tried;        /* under the lock */
    atomic_bool asked; /* by whoever met an unknown key */
};

struct renewal {
    CURLM *multi;
    renewal_arrived arrived;
    void *owner;
    int64_t renew_ms;
    pthread_t thread;
    pthread_mutex_t lock; /* of `tried` */
    pthread_cond_t tried;
    atomic_bool stopping;
    bool started;
    unsigned count;
    struct source sources[];
};

int renewal_new(struct renewal **ret, const struct bytes *urls, unsigned count, const char *ca_file,
                int64_t renew_ms, renewal_arrived arrived, void *owner)
{
    struct renewal *renewal = calloc(1, sizeof *renewal + count * sizeof *renewal->sources);
    pthread_condattr_t attributes;
    int r = 0;

    assert(count > 0);
    if (!renewal)
        return MCP_AUTH_E_NOMEM;
    renewal->arrived = arrived;
    renewal->owner = owner;
    renewal->renew_ms = renew_ms;
    pthread_mutex_init(&renewal->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&renewal->tried, &attributes);
    pthread_condattr_destroy(&attributes);
    for (; renewal->count < count && r == 0; renewal->count++) {
        struct source *source = &renewal->sources[renewal->count];

        assert(urls[renewal->count].size <= KEY_URL_SIZE_MAX);
        memcpy(source->url, urls[renewal->count].data, urls[renewal->count].size);
        r = fetch_init(&source->fetch, source->url, ca_file);
    }
    if (r == 0)
        renewal->multi = curl_multi_init();
    if (!renewal->multi) {
        renewal_free(renewal);
        return MCP_AUTH_E_NOMEM;
    }
    *ret = renewal;
    return 0;
}

void renewal_free(struct renewal *renewal)
{
    if (!renewal)
        return;
    renewal_stop(renewal);
    for (unsigned i = 0; i < renewal->count; i++)
        fetch_done(&renewal->sources[i].fetch);
    curl_multi_cleanup(renewal->multi);
    pthread_cond_destroy(&renewal->tried);
    pthread_mutex_destroy(&renewal->lock);
    free(renewal);
}

void renewal_ask(struct renewal *renewal, unsigned source)
{
    atomic_bool *asked;

    assert(source < renewal->count);
    asked = &renewal->sources[source].asked;
    /* The first rings; until the thread has taken that, no other needs to. */
    if (!atomic_load_explicit(asked, memory_order_relaxed) && !atomic_exchange(asked, true))
        (void)curl_multi_wakeup(renewal->multi);
}

/* Told once when it begins and once when it is over, however often it is tried between. */
static void tell(struct source *source, const char *why)
{
    struct bytes url = key_url_shown(bytes_of(source->url));

    if (why && !source->out)
        log_write(LOG_WARNING,
                  source->had ? "keys cannot be fetched: those that are known stay in force"
                              : "keys cannot be fetched: until they can, tokens of their issuer "
                                "are refused",
                  LOG_TEXT("url", url), LOG_TEXT("why", bytes_of(why)));
    else if (!why && source->out)
        log_write(LOG_INFO, "keys are fetched again", LOG_TEXT("url", url));
    source->out = why != NULL;
}

static void finish(struct renewal *renewal, struct source *source, CURLcode code)
{
    const char *why = fetch_judge(&source->fetch, code), *unusable = "it is of no use";
    unsigned index = (unsigned)(source - renewal->sources);
    int64_t now_ms;

    if (!why &&
        renewal->arrived(renewal->owner, index, strbuf_bytes(&source->fetch.body), &unusable) < 0)
        why = unusable;
    now_ms = clock_now().mono_ms;
    if (why)
        schedule_failed(&source->schedule, now_ms, &random_kernel);
    else
        schedule_done(&source->schedule, now_ms, source->fetch.max_age_ms, renewal->renew_ms);
    tell(source, why);
    source->had |= !why;
    pthread_mutex_lock(&renewal->lock);
    source->tried = true;
    pthread_cond_broadcast(&renewal->tried);
    pthread_mutex_unlock(&renewal->lock);
}

static void begin_due(struct renewal *renewal)
{
    int64_t now_ms = clock_now().mono_ms;

    for (unsigned i = 0; i < renewal->count; i++) {
        struct source *source = &renewal->sources[i];

        if (source->running)
            continue;
        if (atomic_exchange(&source->asked, false))
            schedule_asked(&source->schedule, now_ms);
        if (source->schedule.next_ms > now_ms)
            continue;
        schedule_begin(&source->schedule, now_ms);
        fetch_reset(&source->fetch);
        source->running = curl_multi_add_handle(renewal->multi, source->fetch.curl) == CURLM_OK;
        if (!source->running)
            finish(renewal, source, CURLE_OUT_OF_MEMORY);
    }
}

static void end_finished(struct renewal *renewal)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(renewal->multi, &left))) {
        CURLcode code = message->data.result;
        char *private;

        if (message->msg != CURLMSG_DONE ||
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private) != CURLE_OK)
            continue;
        for (unsigned i = 0; i < renewal->count; i++) {
            struct source *source = &renewal->sources[i];

            if ((char *)&source->fetch != private)
                continue;
            (void)curl_multi_remove_handle(renewal->multi, source->fetch.curl);
            source->running = false;
            finish(renewal, source, code);
        }
    }
}

/* libcurl's own deadlines shorten the wait by themselves. */
static int wait_ms(const struct renewal *renewal)
{
    int64_t now_ms = clock_now().mono_ms, next_ms = now_ms + IDLE_MS_MAX;

    for (unsigned i = 0; i < renewal->count; i++)
        if (!renewal->sources[i].running && renewal->sources[i].schedule.next_ms < next_ms)
            next_ms = renewal->sources[i].schedule.next_ms;
    return next_ms <= now_ms ? 0 : (int)(next_ms - now_ms);
}

static void *renewal_run(void *owner)
{
    struct renewal *renewal = owner;
    int running;

    while (!atomic_load(&renewal->stopping)) {
        begin_due(renewal);
        (void)curl_multi_perform(renewal->multi, &running);
        end_finished(renewal);
        (void)curl_multi_poll(renewal->multi, NULL, 0, wait_ms(renewal), NULL);
    }
    for (unsigned i = 0; i < renewal->count; i++) {
        struct source *source = &renewal->sources[i];

        if (source->running)
            (void)curl_multi_remove_handle(renewal->multi, source->fetch.curl);
        source->running = false;
    }
    return NULL;
}

int renewal_start(struct renewal *renewal)
{
    sigset_t all, before;
    int r;

    assert(!renewal->started);
    sigfillset(&all); /* signals are the host's main thread's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&renewal->thread, NULL, renewal_run, renewal);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r != 0)
        return MCP_AUTH_E_SYSTEM;
    renewal->started = true;
    (void)pthread_setname_np(renewal->thread, "keys");
    return 0;
}

static bool all_tried(const struct renewal *renewal, const bool *sources)
{
    for (unsigned i = 0; i < renewal->count; i++)
        if (sources[i] && !renewal->sources[i].tried)
            return false;
    return true;
}

void renewal_wait(struct renewal *renewal, const bool *sources, int64_t ms)
{
    struct timespec until;
    int r = 0;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&renewal->lock);
    while (r != ETIMEDOUT && !all_tried(renewal, sources))
        r = pthread_cond_timedwait(&renewal->tried, &renewal->lock, &until);
    pthread_mutex_unlock(&renewal->lock);
}

void renewal_stop(struct renewal *renewal)
{
    if (!renewal->started)
        return;
    atomic_store(&renewal->stopping, true);
    (void)curl_multi_wakeup(renewal->multi);
    pthread_join(renewal->thread, NULL);
    renewal->started = false;
}
