/* SPDX-License-Identifier: Apache-2.0 */
/* fetch.c: one key set by HTTPS, over libcurl: what came, or why nothing did. */
#include "keys/fetch.h"

#include <pthread.h>
#include <stdio.h>
#include <strings.h>

#include "auth/jwk.h"
#include "base/bytes.h"
#include "mcp_auth/error.h"

#define MAX_AGE_SECONDS_MAX 31536000L /* a year: longer is as good as that */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode ready = CURLE_FAILED_INIT;

static void begin(void)
{
    ready = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static size_t take_body(char *data, size_t size, size_t count, void *owner)
{
    struct fetch *fetch = owner;

    (void)size; /* always 1 */
    strbuf_put(&fetch->body, data, count);
    return fetch->body.error ? 0 : count; /* less than given ends the transfer */
}

/* RFC 9111 section 5.2.2: no-store and no-cache too mean "soon". */
static int64_t max_age_of(const char *at, const char *end)
{
    static const char name[] = "max-age=";
    long seconds = 0;

    for (; at < end; at++) {
        size_t left = (size_t)(end - at);

        if (left >= 8 &&
            (strncasecmp(at, "no-store", 8) == 0 || strncasecmp(at, "no-cache", 8) == 0))
            return 0;
        if (left < sizeof name || strncasecmp(at, name, sizeof name - 1) != 0)
            continue;
        for (at += sizeof name - 1; at < end && *at >= '0' && *at <= '9'; at++)
            if (seconds < MAX_AGE_SECONDS_MAX)
                seconds = seconds * 10 + (*at - '0');
        return (int64_t)(seconds < MAX_AGE_SECONDS_MAX ? seconds : MAX_AGE_SECONDS_MAX) * 1000;
    }
    return -1;
}

static size_t take_header(char *data, size_t size, size_t count, void *owner)
{
    static const char name[] = "cache-control:";
    struct fetch *fetch = owner;

    (void)size;
    if (count >= 5 && strncmp(data, "HTTP/", 5) == 0)
        fetch->max_age_ms = -1; /* another answer begins: that of a redirect does not count */
    if (count >= sizeof name && strncasecmp(data, name, sizeof name - 1) == 0)
        fetch->max_age_ms = max_age_of(data + sizeof name - 1, data + count);
    return count;
}

static CURLcode limit_protocols(CURL *curl, bool secure)
{
    CURLcode code;
#if LIBCURL_VERSION_NUM >= 0x075500
    code = curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, secure ? "https" : "http");
    if (code == CURLE_OK)
        code = curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "https");
#else
    code = curl_easy_setopt(curl, CURLOPT_PROTOCOLS,
                            (long)(secure ? CURLPROTO_HTTPS : CURLPROTO_HTTP));
    if (code == CURLE_OK)
        code = curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS, (long)CURLPROTO_HTTPS);
#endif
    return code;
}

/* Certificates and names are verified: that is libcurl's default, and said all the same. */
static CURLcode set_options(struct fetch *fetch, const char *url, const char *ca_file)
{
    CURL *curl = fetch->curl;
    bool secure = strncmp(url, "https:", 6) == 0;
    CURLcode code = limit_protocols(curl, secure);

#define SET(option, value) \
    if (code == CURLE_OK)  \
    code = curl_easy_setopt(curl, CURLOPT_##option, value)
    SET(URL, url);
    SET(NOSIGNAL, 1L);
    SET(SSL_VERIFYPEER, 1L);
    SET(SSL_VERIFYHOST, 2L);
    SET(FOLLOWLOCATION, 1L);
    SET(MAXREDIRS, (long)FETCH_REDIRECTS_MAX);
    SET(CONNECTTIMEOUT_MS, (long)FETCH_CONNECT_MS);
    SET(TIMEOUT_MS, (long)FETCH_MS);
    /* Nothing is left to be said in another thread, where a broken pipe could be a signal. */
    SET(FORBID_REUSE, 1L);
    SET(MAXFILESIZE, (long)JWKS_SIZE_MAX);
    SET(WRITEFUNCTION, take_body);
    SET(WRITEDATA, fetch);
    SET(HEADERFUNCTION, take_header);
    SET(HEADERDATA, fetch);
    SET(ERRORBUFFER, fetch->error);
    SET(USERAGENT, "mcp-auth/" MCP_AUTH_VERSION);
    SET(PRIVATE, fetch);
    if (ca_file)
        SET(CAINFO, ca_file);
    if (!secure) /* it is on this machine, and so stays there */
        SET(PROXY, "");
#if LIBCURL_VERSION_NUM >= 0x075700
    SET(QUICK_EXIT, 1L); /* a name server that does not answer does not hold up the end */
#endif
#undef SET
    return code;
}

int fetch_init(struct fetch *fetch, const char *url, const char *ca_file)
{
    *fetch = (struct fetch){.max_age_ms = -1};
    strbuf_init(&fetch->body, JWKS_SIZE_MAX);
    pthread_once(&once, begin);
    if (ready == CURLE_OK)
        fetch->curl = curl_easy_init();
    if (fetch->curl && set_options(fetch, url, ca_file) == CURLE_OK)
        return 0;
    fetch_done(fetch);
    return MCP_AUTH_E_NOMEM;
}

void fetch_done(struct fetch *fetch)
{
    curl_easy_cleanup(fetch->curl);
    strbuf_done(&fetch->body);
    fetch->curl = NULL;
}

void fetch_reset(struct fetch *fetch)
{
    strbuf_reset(&fetch->body);
    fetch->max_age_ms = -1;
    fetch->error[0] = '\0';
}

const char *fetch_judge(struct fetch *fetch, CURLcode code)
{
    long status = 0;

    if (fetch->body.error == MCP_AUTH_E_TOO_BIG || code == CURLE_FILESIZE_EXCEEDED)
        return "it is larger than 256 KiB";
    if (fetch->body.error)
        return "out of memory";
    if (code != CURLE_OK)
        return fetch->error[0] ? fetch->error : curl_easy_strerror(code);
    (void)curl_easy_getinfo(fetch->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status == 200)
        return NULL;
    (void)snprintf(fetch->error, sizeof fetch->error, "the answer has status %ld", status);
    return fetch->error;
}
