/* SPDX-License-Identifier: Apache-2.0 */
/* refusal.c: composes the JSON of an error from the lists of the protocol. */
#include "net/refusal.h"

#include "codec/json.h"

static void put_details(struct strbuf *out, const struct refusal_details *details)
{
    json_put_name(out, "details");
    strbuf_putc(out, '{');
    if (details->index >= 0) {
        json_put_name(out, "index");
        json_put_int(out, details->index);
    }
    if (bytes_present(details->member)) {
        json_put_name(out, "member");
        json_put_string(out, details->member);
    }
    if (bytes_present(details->reason)) {
        json_put_name(out, "reason");
        json_put_string(out, details->reason);
    }
    strbuf_putc(out, '}');
}

void refusal_write(struct strbuf *out, enum error_code code, struct bytes message,
                   const struct refusal_details *details)
{
    strbuf_puts(out, "{\"error\":{");
    json_put_name(out, "code");
    json_put_string(out, error_code_text(code));
    json_put_name(out, "message");
    json_put_string(out, bytes_present(message) ? message : error_code_meaning(code));
    if (details &&
        (details->index >= 0 || bytes_present(details->member) || bytes_present(details->reason)))
        put_details(out, details);
    strbuf_puts(out, "}}");
}

enum error_code refusal_code(int status)
{
    switch (status) {
    case 408:
        return ERROR_TIMEOUT;
    case 413:
        return ERROR_TOO_LARGE;
    case 414:
        return ERROR_URI_TOO_LONG;
    case 431:
        return ERROR_HEADER_TOO_LARGE;
    case 501:
        return ERROR_NOT_IMPLEMENTED;
    case 503:
        return ERROR_OVERLOADED;
    case 505:
        return ERROR_VERSION_NOT_SUPPORTED;
    default:
        return ERROR_BAD_REQUEST;
    }
}
