/* SPDX-License-Identifier: Apache-2.0 */
/* codes.c: the tables of close codes and error codes, made from protocol/. */
#include "model/codes.h"

#include <assert.h>

#define TEXT(literal)                \
    {                                \
        literal, sizeof(literal) - 1 \
    }

static const struct {
    int code;
    struct bytes text;
} close_reasons[CLOSE_REASONS] = {
#define CLOSE_ROW(code, name, reason) [CLOSE_##name] = {code, TEXT(reason)},
    CLOSE_LIST(CLOSE_ROW)
#undef CLOSE_ROW
};

/* RFC 6455 section 5.5: a control frame carries at most 125 bytes, two of them the code. */
#define CLOSE_FITS(code, name, reason) \
    _Static_assert(sizeof(reason) - 1 <= 123, "the reason of " #name " does not fit a close frame");
CLOSE_LIST(CLOSE_FITS)
#undef CLOSE_FITS

static const struct {
    struct bytes text, meaning;
    int status;
    bool retryable;
} error_codes[ERROR_CODES] = {
#define ERROR_ROW(name, text, status, retryable, meaning) \
    [ERROR_##name] = {TEXT(text), TEXT(meaning), status, retryable},
    ERROR_LIST(ERROR_ROW)
#undef ERROR_ROW
};

int close_reason_code(enum close_reason reason)
{
    assert(reason < CLOSE_REASONS);
    return close_reasons[reason].code;
}

struct bytes close_reason_text(enum close_reason reason)
{
    assert(reason < CLOSE_REASONS);
    return close_reasons[reason].text;
}

struct bytes error_code_text(enum error_code code)
{
    assert(code < ERROR_CODES);
    return error_codes[code].text;
}

int error_code_status(enum error_code code)
{
    assert(code < ERROR_CODES);
    return error_codes[code].status;
}

bool error_code_retryable(enum error_code code)
{
    assert(code < ERROR_CODES);
    return error_codes[code].retryable;
}

struct bytes error_code_meaning(enum error_code code)
{
    assert(code < ERROR_CODES);
    return error_codes[code].meaning;
}
