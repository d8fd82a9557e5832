/* SPDX-License-Identifier: Apache-2.0 */
/* http.c: calls of a server's HTTP API from a program, on libcurl. */
#include "mcp_auth/http.h"

#include <assert.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/strbuf.h"

/* The largest answer taken in: a page of history is under 4 MiB. */
#define ANSWER_SIZE_MAX (16u * 1024u * 1024u)
#define URL_SIZE_MAX 2048u
#define TOKEN_SIZE_MAX (20u * 1024u)
#define CONNECT_TIMEOUT_MS 5000
/* Retry-After beyond a day is a mistake or a trick. */
#define RETRY_AFTER_SECONDS_MAX 86400L

struct mcp_auth_http {
    CURL *curl;
    struct strbuf base;          /* "http://localhost:8000" */
    struct strbuf authorization; /* "Authorization: Bearer ...", or empty */
    struct strbuf body;
    long retry_after_ms;
    char error[CURL_ERROR_SIZE];
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_ready = CURLE_FAILED_INIT;

static void curl_begin(void)
{
    curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static size_t take_body(char *data, size_t size, size_t count, void *owner)
{
    struct mcp_auth_http *http = owner;

    (void)size; /* always 1 */
    strbuf_put(&http->body, data, count);
    return http->body.error ? 0 : count; /* less than given ends the transfer */
}

/* Only the form in seconds (RFC 9110 section 10.2.3): our servers send no dates. */
static size_t take_header(char *data, size_t size, size_t count, void *owner)
{
    static const char name[] = "retry-after:";
    struct mcp_auth_http *http = owner;
    long seconds = 0;

    (void)size;
    if (count < sizeof name || strncasecmp(data, name, sizeof name - 1) != 0)
        return count;
    for (size_t i = sizeof name - 1; i < count && strchr(" 0123456789", data[i]); i++) {
        if (data[i] == ' ')
            continue;
        seconds = seconds * 10 + (data[i] - '0');
        if (seconds > RETRY_AFTER_SECONDS_MAX)
            seconds = RETRY_AFTER_SECONDS_MAX;
    }
    http->retry_after_ms = seconds * 1000;
    return count;
}

/* Takes "http://HOST[:PORT][/PATH]"; no user, query or fragment: credentials go in the token. */
static int take_url(struct mcp_auth_http *http, const char *url, bool *ret_loopback)
{
    CURLU *parts = curl_url();
    char *scheme = NULL, *host = NULL, *other = NULL;
    int r = MCP_AUTH_E_INVALID;

    if (!parts)
        return MCP_AUTH_E_NOMEM;
    if (curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0) &&
        curl_url_get(parts, CURLUPART_USER, &other, 0) == CURLUE_NO_USER &&
        curl_url_get(parts, CURLUPART_QUERY, &other, 0) == CURLUE_NO_QUERY &&
        curl_url_get(parts, CURLUPART_FRAGMENT, &other, 0) == CURLUE_NO_FRAGMENT) {
        *ret_loopback = strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
                        strncmp(host, "127.", 4) == 0;
        strbuf_puts(&http->base, url);
        while (http->base.size && http->base.data[http->base.size - 1] == '/')
            http->base.size--;
        r = http->base.error ? MCP_AUTH_E_INVALID : 0;
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(other);
    curl_url_cleanup(parts);
    return r;
}

static int take_address(struct mcp_auth_http *http, const char *url)
{
    bool loopback = false;
    int r;

    if (strncmp(url, "unix:", 5) == 0) {
        const char *path = url + 5;

        if (!*path || curl_easy_setopt(http->curl, CURLOPT_UNIX_SOCKET_PATH, path) != CURLE_OK)
            return MCP_AUTH_E_INVALID;
        strbuf_puts(&http->base, "http://localhost");
        loopback = true;
    } else {
        r = take_url(http, url, &loopback);
        if (r < 0)
            return r;
    }
    /* A proxy of the environment must not see tokens that are meant for this very machine. */
    if (loopback)
        curl_easy_setopt(http->curl, CURLOPT_NOPROXY, "*");
    return http->base.error;
}

static int take_token(struct mcp_auth_http *http, const char *token)
{
    if (!token || !*token)
        return 0;
    for (const char *c = token; *c; c++)
        if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f)
            return MCP_AUTH_E_INVALID; /* it would break out of its header field */
    strbuf_puts(&http->authorization, "Authorization: Bearer ");
    strbuf_puts(&http->authorization, token);
    return strbuf_terminate(&http->authorization) == MCP_AUTH_E_NOMEM ? MCP_AUTH_E_NOMEM
           : http->authorization.error                                ? MCP_AUTH_E_INVALID
                                                                      : 0;
}

static int set_fixed(struct mcp_auth_http *http, int timeout_ms)
{
    CURL *curl = http->curl;
    int connect_ms = timeout_ms < CONNECT_TIMEOUT_MS ? timeout_ms : CONNECT_TIMEOUT_MS;
    CURLcode r;

#if CURL_AT_LEAST_VERSION(7, 85, 0)
    r = curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    r = curl_easy_setopt(curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    if (r != CURLE_OK)
        return MCP_AUTH_E_UNSUPPORTED;
    /* No redirects: the token is for the server that was named and for no other. */
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, http);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, http);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, http->error);
    return 0;
}

int mcp_auth_http_open(mcp_auth_http **ret, const char *url, const char *token, int timeout_ms)
{
    struct mcp_auth_http *http;
    int r;

    assert(ret && url && timeout_ms > 0);
    pthread_once(&curl_once, curl_begin);
    if (curl_ready != CURLE_OK)
        return MCP_AUTH_E_NOMEM;
    http = calloc(1, sizeof *http);
    if (!http)
        return MCP_AUTH_E_NOMEM;
    strbuf_init(&http->base, URL_SIZE_MAX);
    strbuf_init(&http->authorization, TOKEN_SIZE_MAX);
    strbuf_init(&http->body, ANSWER_SIZE_MAX);
    http->curl = curl_easy_init();
    r = http->curl ? set_fixed(http, timeout_ms) : MCP_AUTH_E_NOMEM;
    if (r == 0)
        r = take_address(http, url);
    if (r == 0)
        r = take_token(http, token);
    if (r < 0) {
        mcp_auth_http_close(http);
        return r;
    }
    *ret = http;
    return 0;
}

void mcp_auth_http_close(mcp_auth_http *http)
{
    if (!http)
        return;
    curl_easy_cleanup(http->curl);
    if (http->authorization.data)
        explicit_bzero(http->authorization.data, http->authorization.size);
    strbuf_done(&http->authorization);
    strbuf_done(&http->base);
    strbuf_done(&http->body);
    free(http);
}

/* The field lines of one request; NULL for want of memory. */
static struct curl_slist *fields_new(const struct mcp_auth_http *http, const char *content_type)
{
    /* Without "Expect:" curl waits a second for a 100 before larger bodies. */
    struct curl_slist *fields = curl_slist_append(NULL, "Expect:"), *more = fields;
    char line[128];

    if (more && http->authorization.size)
        more = curl_slist_append(fields, http->authorization.data);
    if (more && content_type) {
        snprintf(line, sizeof line, "Content-Type: %s", content_type);
        more = curl_slist_append(fields, line);
    }
    if (!more) {
        curl_slist_free_all(fields);
        return NULL;
    }
    return fields;
}

static void fields_free(struct curl_slist *fields)
{
    for (struct curl_slist *field = fields; field; field = field->next)
        explicit_bzero(field->data, strlen(field->data));
    curl_slist_free_all(fields);
}

static int http_call(struct mcp_auth_http *http, const char *path, const char *content_type,
                     mcp_auth_http_answer *ret)
{
    struct curl_slist *fields = fields_new(http, content_type);
    struct strbuf url;
    long status = 0;
    CURLcode done = CURLE_OUT_OF_MEMORY;

    assert(path[0] == '/');
    if (!fields)
        return MCP_AUTH_E_NOMEM;
    strbuf_init(&url, 2 * URL_SIZE_MAX);
    strbuf_put_bytes(&url, strbuf_bytes(&http->base));
    strbuf_puts(&url, path);
    strbuf_reset(&http->body);
    http->retry_after_ms = -1;
    http->error[0] = '\0';
    if (strbuf_terminate(&url) == 0 &&
        curl_easy_setopt(http->curl, CURLOPT_URL, url.data) == CURLE_OK &&
        curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, fields) == CURLE_OK)
        done = curl_easy_perform(http->curl);
    curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, NULL);
    curl_easy_setopt(http->curl, CURLOPT_POSTFIELDS, NULL);
    if (done == CURLE_OK)
        curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status);
    fields_free(fields);
    strbuf_done(&url);

    if (done != CURLE_OK || status == 0) {
        const char *why = http->error[0] ? http->error : curl_easy_strerror(done);

        if (http->body.error == MCP_AUTH_E_TOO_BIG)
            why = "the answer is larger than 16 MiB";
        *ret = (mcp_auth_http_answer){0, why, strlen(why), -1};
        return MCP_AUTH_E_IO;
    }
    if (strbuf_terminate(&http->body) < 0)
        return MCP_AUTH_E_NOMEM;
    *ret =
        (mcp_auth_http_answer){(int)status, http->body.data, http->body.size, http->retry_after_ms};
    return 0;
}

int mcp_auth_http_get(mcp_auth_http *http, const char *path, mcp_auth_http_answer *ret)
{
    assert(http && path && ret);
    curl_easy_setopt(http->curl, CURLOPT_HTTPGET, 1L);
    return http_call(http, path, NULL, ret);
}

int mcp_auth_http_post(mcp_auth_http *http, const char *path, const char *content_type,
                       const char *body, size_t body_size, mcp_auth_http_answer *ret)
{
    assert(http && path && content_type && body && ret);
    curl_easy_setopt(http->curl, CURLOPT_POST, 1L);
    curl_easy_setopt(http->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body_size);
    curl_easy_setopt(http->curl, CURLOPT_POSTFIELDS, body);
    return http_call(http, path, content_type, ret);
}
