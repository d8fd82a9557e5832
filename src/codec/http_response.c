/* SPDX-License-Identifier: Apache-2.0 */
/* http_response.c: the status line and headers of an answer. */
#include "codec/http_response.h"

#include <assert.h>
#include <time.h>

#include "codec/http_grammar.h"

const char *http_status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } texts[] = {
        {100, "Continue"},
        {101, "Switching Protocols"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {426, "Upgrade Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
        if (texts[i].status == status)
            return texts[i].text;
    return "Other"; /* the phrase carries no meaning (RFC 9112 section 4) */
}

/* IMF-fixdate (RFC 9110 section 5.6.7). Not by strftime: its names follow the host's locale. */
static void date_put(struct strbuf *out, int64_t wall_ms)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const int64_t last = 253402300799; /* 9999-12-31T23:59:59Z: years have four digits */
    int64_t seconds = wall_ms < 0 ? 0 : wall_ms / 1000;
    time_t when = (time_t)(seconds > last ? last : seconds);
    struct tm tm;

    if (!gmtime_r(&when, &tm))
        return; /* cannot be, in this range; Date may be left out by a server without a clock */
    strbuf_printf(out, "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n", days[tm.tm_wday],
                  tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                  tm.tm_sec);
}

/* Does one of these whole lines begin with `prefix` (no case)? */
static bool lines_have(struct bytes lines, struct bytes prefix)
{
    while (lines.size >= prefix.size) {
        const char *lf;
        size_t size;

        if (bytes_equal_nocase((struct bytes){lines.data, prefix.size}, prefix))
            return true;
        lf = memchr(lines.data, '\n', lines.size);
        if (!lf)
            return false;
        size = (size_t)(lf - lines.data) + 1;
        lines = (struct bytes){lines.data + size, lines.size - size};
    }
    return false;
}

void http_response_head(struct strbuf *out, int status, int64_t wall_ms, const char *content_type,
                        size_t content_length, bool keep_alive, struct bytes headers)
{
    /* RFC 9110 section 8.6: no length with 1xx and 204; with 304 only that of the 200, which we
     * do not know here. These have no body, so the connection's framing does not need it. */
    bool bodiless = status < 200 || status == 204 || status == 304;

    assert(status >= 100 && status <= 599);
    assert(!bodiless || content_length == 0 || content_length == HTTP_LENGTH_UNKNOWN);
    assert(bodiless || content_length != HTTP_LENGTH_UNKNOWN || !keep_alive);
    assert(headers.size == 0 ||
           (headers.size > 2 && memcmp(headers.data + headers.size - 2, "\r\n", 2) == 0));

    strbuf_printf(out, "HTTP/1.1 %d %s\r\n", status, http_status_text(status));
    date_put(out, wall_ms);
    if (content_type)
        strbuf_printf(out, "Content-Type: %s\r\n", content_type);
    if (!bodiless && content_length != HTTP_LENGTH_UNKNOWN)
        strbuf_printf(out, "Content-Length: %zu\r\n", content_length);
    if (!keep_alive)
        strbuf_puts(out, "Connection: close\r\n");
    if (!lines_have(headers, BYTES("cache-control:")))
        strbuf_puts(out, "Cache-Control: no-store\r\n");
    strbuf_put_bytes(out, headers);
    strbuf_puts(out, "\r\n");
}
