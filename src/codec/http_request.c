/* SPDX-License-Identifier: Apache-2.0 */
/* http_request.c: finds the end of a request's head and takes the head apart, strictly. */
#include "codec/http_request.h"

#include <assert.h>

#include "codec/http_grammar.h"

static int refuse(const char **ret_why, int status, const char *why)
{
    *ret_why = why;
    return -status;
}

/* Walks to the end of the head, each byte once over all calls. Line ends and controls are judged
 * here and not line by line later, so that a client that sends bare LF (or TLS to a plain port)
 * hears it at once instead of waiting for an end that cannot come; and because each byte is judged
 * by those before it alone, the answer does not depend on how the bytes were cut into pieces. */
static int head_find(struct bytes input, size_t *seen, size_t *ret_start, const char **ret_why)
{
    const char *data = input.data;
    size_t limit = input.size < HTTP_HEAD_SIZE_MAX ? input.size : HTTP_HEAD_SIZE_MAX;
    size_t start = bytes_starts_with(input, BYTES("\r\n")) ? 2 : 0; /* RFC 9112 section 2.2 */
    size_t i;

    for (i = *seen; i < limit; i++) {
        bool after_cr = i > 0 && data[i - 1] == '\r';

        *seen = i; /* not past what ends the search: asked again, we answer the same */
        if (data[i] == '\n') {
            if (!after_cr)
                return refuse(ret_why, 400, "a line ends in LF without CR");
            if (i == start + 1)
                return refuse(ret_why, 400, "the request line is empty");
            if (i >= 3 && data[i - 2] == '\n') {
                *ret_start = start;
                return (int)(i + 1);
            }
        } else if (after_cr) {
            return refuse(ret_why, 400, "a CR is not followed by LF");
        } else if (http_is_control(data[i]) && data[i] != '\t' && data[i] != '\r') {
            return refuse(ret_why, 400, "a control character in the head");
        }
        while (data[i] != '\r' && i + 1 < limit && !http_is_control(data[i + 1]))
            i++; /* neither ends anything nor is wrong */
    }
    *seen = limit;
    if (limit < HTTP_HEAD_SIZE_MAX)
        return 0;
    if (!memchr(data + start, '\n', limit - start))
        return refuse(ret_why, 414, "the request line is too long");
    return refuse(ret_why, 431, "the head of the request is too large");
}

/* Takes one line off the front, without its CRLF. After head_find every LF follows a CR. */
static bool line_next(struct bytes *rest, struct bytes *ret_line)
{
    const char *lf = rest->size ? memchr(rest->data, '\n', rest->size) : NULL;
    size_t size;

    if (!lf)
        return false;
    size = (size_t)(lf - rest->data) + 1;
    assert(size >= 2 && lf[-1] == '\r');
    *ret_line = (struct bytes){rest->data, size - 2};
    *rest = (struct bytes){rest->data + size, rest->size - size};
    return true;
}

/* Methods are case-sensitive (RFC 9110 section 9.1). */
static enum http_method method_of(struct bytes name)
{
    static const char *const names[] = {
        [HTTP_GET] = "GET",     [HTTP_HEAD] = "HEAD",     [HTTP_POST] = "POST",
        [HTTP_PUT] = "PUT",     [HTTP_DELETE] = "DELETE", [HTTP_OPTIONS] = "OPTIONS",
        [HTTP_PATCH] = "PATCH",
    };

    for (unsigned i = 0; i < ARRAY_COUNT(names); i++)
        if (bytes_equal(name, bytes_of(names[i])))
            return (enum http_method)i;
    return HTTP_OTHER;
}

/* HTTP-version (RFC 9112 section 2.3). A later 1.x is read as 1.1 (RFC 9110 section 2.5). */
static int version_parse(struct http_request *request, struct bytes version, const char **ret_why)
{
    if (version.size != 8 || !bytes_starts_with(version, BYTES("HTTP/")) ||
        !http_is_digit(version.data[5]) || version.data[6] != '.' ||
        !http_is_digit(version.data[7]))
        return refuse(ret_why, 400, "the request line is not METHOD SP target SP HTTP/1.x");
    if (version.data[5] != '1')
        return refuse(ret_why, 505, "the version is not HTTP/1.x");
    request->http_1_0 = version.data[7] == '0';
    return 0;
}

/* request-line = method SP request-target SP HTTP-version (RFC 9112 section 3). The leave that
 * section gives to split on any white space is not taken: it is how two readers come to differ. */
static int request_line_parse(struct http_request *request, struct bytes line, const char **ret_why)
{
    static const char shape[] = "the request line is not METHOD SP target SP HTTP/1.x";
    const char *end = line.data + line.size, *space, *space2;
    struct bytes method;

    space = memchr(line.data, ' ', line.size);
    space2 = space ? memchr(space + 1, ' ', (size_t)(end - space - 1)) : NULL;
    if (!space2)
        return refuse(ret_why, 400, shape);

    method = (struct bytes){line.data, (size_t)(space - line.data)};
    request->target = (struct bytes){space + 1, (size_t)(space2 - space - 1)};
    if (!http_is_token(method) || request->target.size == 0)
        return refuse(ret_why, 400, shape);
    request->method = method_of(method);

    for (size_t i = 0; i < request->target.size; i++) {
        char c = request->target.data[i];
        if (c <= ' ' || c >= 0x7f || c == '#') /* a fragment is never sent; char may be signed */
            return refuse(ret_why, 400, "a character that may not be in a target");
    }
    if (request->target.size > HTTP_TARGET_SIZE_MAX)
        return refuse(ret_why, 414, "the target is too long");
    return version_parse(request, (struct bytes){space2 + 1, (size_t)(end - space2 - 1)}, ret_why);
}

/* field-line = field-name ":" OWS field-value OWS (RFC 9112 section 5). */
static int header_line_parse(struct http_request *request, struct bytes line, const char **ret_why)
{
    const char *colon;
    struct bytes name;

    assert(line.size > 0); /* head_find ends the head at the first empty line */
    if (http_is_space(line.data[0])) {
        if (request->headers_count == 0)
            return refuse(ret_why, 400, "white space before the first header");
        return refuse(ret_why, 400, "a header is folded over several lines");
    }
    colon = memchr(line.data, ':', line.size);
    if (!colon)
        return refuse(ret_why, 400, "a header without a colon");
    name = (struct bytes){line.data, (size_t)(colon - line.data)};
    if (name.size > 0 && http_is_space(name.data[name.size - 1]))
        return refuse(ret_why, 400, "white space between a header's name and its colon");
    if (!http_is_token(name))
        return refuse(ret_why, 400, "a header's name is not a token");
    if (request->headers_count == HTTP_HEADERS_MAX)
        return refuse(ret_why, 431, "too many headers");
    request->headers[request->headers_count++] =
        (struct http_header){name, http_trim((struct bytes){colon + 1, line.size - name.size - 1})};
    return 0;
}

/* uri-host [":" port] (RFC 3986 section 3.2). A comma is legal in a reg-name but no real host has
 * one, and a joined pair of Host headers has: refused. User information is never legal here. */
static bool host_valid(struct bytes host)
{
    static const char marks[] = "-._~%!$&'()*+;=";
    size_t i = 0;

    if (host.size > 0 && host.data[0] == '[') {
        const char *bracket = memchr(host.data, ']', host.size);
        size_t end = bracket ? (size_t)(bracket - host.data) : 0;

        if (end < 2)
            return false;
        for (i = 1; i < end; i++)
            if (host.data[i] != ':' && !(http_is_token_char(host.data[i])))
                return false;
        i = end + 1;
    } else {
        for (; i < host.size && host.data[i] != ':'; i++)
            if (!memchr(marks, host.data[i], sizeof marks - 1) &&
                !(http_is_digit(host.data[i]) ||
                  (ascii_lower(host.data[i]) >= 'a' && ascii_lower(host.data[i]) <= 'z')))
                return false;
    }
    if (i < host.size && host.data[i++] != ':')
        return false;
    for (; i < host.size; i++)
        if (!http_is_digit(host.data[i]))
            return false;
    return true;
}

/* RFC 9112 section 3.2: exactly one Host in 1.1, at most one ever, and a valid one. */
static int host_check(const struct http_request *request, const char **ret_why)
{
    unsigned count = http_request_header_count(request, BYTES("host"));

    if (count > 1)
        return refuse(ret_why, 400, "more than one Host");
    if (count == 0)
        return request->http_1_0 ? 0 : refuse(ret_why, 400, "no Host");
    if (!host_valid(http_request_header(request, BYTES("host"))))
        return refuse(ret_why, 400, "Host is not a host and port");
    return 0;
}

static void path_split(struct http_request *request, struct bytes text)
{
    const char *mark = text.size ? memchr(text.data, '?', text.size) : NULL;
    size_t size = mark ? (size_t)(mark - text.data) : text.size;

    request->path = size ? (struct bytes){text.data, size} : BYTES("/");
    if (mark)
        request->query = (struct bytes){mark + 1, text.size - size - 1};
}

/* The forms of a target (RFC 9112 section 3.2). Absolute-form must be taken by every server; we
 * are no proxy, so it must name the host that Host names, or two readers could differ. */
static int target_parse(struct http_request *request, const char **ret_why)
{
    struct bytes target = request->target, host = http_request_header(request, BYTES("host"));
    struct bytes authority;
    size_t scheme_size, i;

    if (target.data[0] == '/') {
        path_split(request, target);
        return 0;
    }
    if (bytes_equal(target, BYTES("*")) && request->method == HTTP_OPTIONS) {
        request->path = target;
        return 0;
    }
    if (target.size > 7 && bytes_equal_nocase((struct bytes){target.data, 7}, BYTES("http://")))
        scheme_size = 7;
    else if (target.size > 8 &&
             bytes_equal_nocase((struct bytes){target.data, 8}, BYTES("https://")))
        scheme_size = 8;
    else
        return refuse(ret_why, 400, "the target is neither a path nor an http URL");

    for (i = scheme_size; i < target.size && target.data[i] != '/' && target.data[i] != '?';)
        i++;
    authority = (struct bytes){target.data + scheme_size, i - scheme_size};
    if (authority.size == 0 || !host_valid(authority))
        return refuse(ret_why, 400, "the target's host is not valid");
    if (bytes_present(host) && !bytes_equal_nocase(authority, host))
        return refuse(ret_why, 400, "the target's host is not the one of Host");
    path_split(request, (struct bytes){target.data + i, target.size - i});
    return 0;
}

/* Content-Length = 1*DIGIT (RFC 9110 section 8.6); no sign, no list, no overflow. */
static bool length_parse(struct bytes text, uint64_t *ret)
{
    uint64_t length = 0;

    for (size_t i = 0; i < text.size; i++)
        if (!http_is_digit(text.data[i]) || __builtin_mul_overflow(length, (uint64_t)10, &length) ||
            __builtin_add_overflow(length, (uint64_t)(text.data[i] - '0'), &length))
            return false;
    *ret = length;
    return text.size > 0;
}

/* Only "chunked" alone, once (RFC 9112 sections 6.1 and 7); names of codings have no case. */
static int transfer_encoding_check(struct bytes value, const char **ret_why)
{
    struct bytes member;
    unsigned count = 0;
    bool unknown = false;

    while (http_list_next(&value, &member)) {
        count++;
        if (!http_is_token(member))
            return refuse(ret_why, 400, "Transfer-Encoding is not a list of tokens");
        if (!bytes_equal_nocase(member, BYTES("chunked")))
            unknown = true;
    }
    if (unknown)
        return refuse(ret_why, 501, "a transfer coding other than chunked");
    return count == 1 ? 0 : refuse(ret_why, 400, "chunked more than once");
}

/* Where the body ends (RFC 9112 section 6.3). What leaves room for two readings is refused, even
 * where the RFC lets a server choose one: that room is what request smuggling lives in. */
static int framing_parse(struct http_request *request, const char **ret_why)
{
    unsigned lengths = http_request_header_count(request, BYTES("content-length"));
    unsigned codings = http_request_header_count(request, BYTES("transfer-encoding"));
    int r;

    if (lengths > 0 && codings > 0)
        return refuse(ret_why, 400, "both Transfer-Encoding and Content-Length");
    if (lengths > 1)
        return refuse(ret_why, 400, "more than one Content-Length");
    if (codings > 1)
        return refuse(ret_why, 400, "more than one Transfer-Encoding");
    if (lengths == 1) {
        if (!length_parse(http_request_header(request, BYTES("content-length")),
                          &request->content_length))
            return refuse(ret_why, 400, "Content-Length is not a number");
        request->has_content_length = true;
    }
    if (codings == 1) {
        if (request->http_1_0)
            return refuse(ret_why, 400, "Transfer-Encoding in HTTP/1.0");
        r = transfer_encoding_check(http_request_header(request, BYTES("transfer-encoding")),
                                    ret_why);
        if (r < 0)
            return r;
        request->chunked = true;
    }
    return 0;
}

/* RFC 9112 section 9.3; Expect of a 1.0 client must be ignored (RFC 9110 section 10.1.1). */
static void connection_parse(struct http_request *request)
{
    bool close = http_request_header_has_token(request, BYTES("connection"), BYTES("close"));

    request->keep_alive =
        !close && (!request->http_1_0 || http_request_header_has_token(request, BYTES("connection"),
                                                                       BYTES("keep-alive")));
    request->expect_continue =
        !request->http_1_0 &&
        http_request_header_has_token(request, BYTES("expect"), BYTES("100-continue"));
}

int http_request_parse(struct bytes input, size_t *seen, struct http_request *ret,
                       const char **ret_why)
{
    struct http_request request;
    struct bytes rest, line;
    size_t start;
    int size, r;

    assert(seen && ret && ret_why && *seen <= input.size);
    size = head_find(input, seen, &start, ret_why);
    if (size <= 0)
        return size;

    /* The room for headers, 2 KiB, is neither cleared nor copied beyond what is in it. */
    memset(&request, 0, offsetof(struct http_request, headers));
    request.headers_count = 0;
    rest = (struct bytes){input.data + start, (size_t)size - start - 2}; /* no empty line */
    if (!line_next(&rest, &line))
        return refuse(ret_why, 400, "the request line is empty");
    r = request_line_parse(&request, line, ret_why);
    while (r >= 0 && line_next(&rest, &line))
        r = header_line_parse(&request, line, ret_why);
    if (r < 0)
        return r;

    if ((r = host_check(&request, ret_why)) < 0)
        return r;
    if ((r = target_parse(&request, ret_why)) < 0)
        return r;
    if ((r = framing_parse(&request, ret_why)) < 0)
        return r;
    connection_parse(&request);

    assert(!(request.chunked && request.has_content_length));
    memcpy(ret, &request,
           offsetof(struct http_request, headers) +
               request.headers_count * sizeof request.headers[0]);
    ret->headers_count = request.headers_count;
    return size;
}
