/* SPDX-License-Identifier: Apache-2.0 */
/* codes.h: close codes with their reasons, and error codes, from the lists in protocol/. */
#ifndef MODEL_CODES_H
#define MODEL_CODES_H

#include <stdbool.h>

#include "base/bytes.h"
#include "protocol_lists.h"

#define CLOSE_ENTRY(code, name, reason) CLOSE_##name,
enum close_reason { CLOSE_LIST(CLOSE_ENTRY) CLOSE_REASONS };
#undef CLOSE_ENTRY

int close_reason_code(enum close_reason reason); /* 4001 ... */
struct bytes close_reason_text(enum close_reason reason);

#define ERROR_ENTRY(name, text, status, retryable, meaning) ERROR_##name,
enum error_code { ERROR_LIST(ERROR_ENTRY) ERROR_CODES };
#undef ERROR_ENTRY

struct bytes error_code_text(enum error_code code); /* "unknown_member" */
int error_code_status(enum error_code code);        /* HTTP status */
bool error_code_retryable(enum error_code code);
struct bytes error_code_meaning(enum error_code code);

#endif
