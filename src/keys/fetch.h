/* SPDX-License-Identifier: Apache-2.0 */
/* fetch.h: one key set by HTTPS, over libcurl: what came, or why nothing did. */
#ifndef KEYS_FETCH_H
#define KEYS_FETCH_H

#include <curl/curl.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/strbuf.h"

#define FETCH_CONNECT_MS 5000
#define FETCH_MS 10000
#define FETCH_REDIRECTS_MAX 3

/* One at a time, again and again; for a multi handle of the caller's thread. */
struct fetch {
    CURL *curl;
    struct strbuf body;
    int64_t max_age_ms; /* of Cache-Control; -1: it says nothing */
    char error[CURL_ERROR_SIZE];
};

/* ca_file: NULL for the system's. MCP_AUTH_E_NOMEM, also when libcurl is not usable. */
MUST_CHECK int fetch_init(struct fetch *fetch, const char *url, const char *ca_file);
void fetch_done(struct fetch *fetch); /* not while it is in a multi handle */
/* Forgets the last answer. */
void fetch_reset(struct fetch *fetch);
/* How it ended: NULL, and the body is the answer of a 200; else why not, valid until fetch_reset. */
const char *fetch_judge(struct fetch *fetch, CURLcode code);

#endif
