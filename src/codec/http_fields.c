/* SPDX-License-Identifier: Apache-2.0 */
/* http_fields.c: questions to the headers of a parsed request. */
#include <assert.h>

#include "codec/http_grammar.h"
#include "codec/http_request.h"

struct bytes http_request_header(const struct http_request *request, struct bytes name)
{
    for (unsigned i = 0; i < request->headers_count; i++)
        if (bytes_equal_nocase(request->headers[i].name, name))
            return request->headers[i].value;
    return (struct bytes){0};
}

unsigned http_request_header_count(const struct http_request *request, struct bytes name)
{
    unsigned count = 0;

    for (unsigned i = 0; i < request->headers_count; i++)
        count += bytes_equal_nocase(request->headers[i].name, name);
    return count;
}

bool http_request_header_has_token(const struct http_request *request, struct bytes name,
                                   struct bytes token)
{
    assert(http_is_token(token));
    for (unsigned i = 0; i < request->headers_count; i++) {
        struct bytes rest = request->headers[i].value, member;

        if (!bytes_equal_nocase(request->headers[i].name, name))
            continue;
        while (http_list_next(&rest, &member))
            if (bytes_equal_nocase(member, token))
                return true;
    }
    return false;
}

/* RFC 6750 section 2.1. What follows the scheme is handed on as it stands, not held against the
 * grammar of b64token: a malformed token must fail as a bad one (401), not pass as none at all. */
struct bytes http_bearer(struct bytes value)
{
    if (value.size <= 7 || !bytes_equal_nocase((struct bytes){value.data, 6}, BYTES("bearer")) ||
        value.data[6] != ' ')
        return (struct bytes){0};
    return http_trim((struct bytes){value.data + 7, value.size - 7});
}

struct bytes http_request_bearer(const struct http_request *request)
{
    if (http_request_header_count(request, BYTES("authorization")) != 1)
        return (struct bytes){0};
    return http_bearer(http_request_header(request, BYTES("authorization")));
}
