/* SPDX-License-Identifier: Apache-2.0 */
/* base64url.h: strict base64url without padding (RFC 4648 section 5), one text for one value. */
#ifndef BASE_BASE64URL_H
#define BASE_BASE64URL_H

#include <stddef.h>

#include "base/bytes.h"
#include "base/compiler.h"

#define BASE64URL_SIZE(size) (((size)*4 + 2) / 3)
/* Writes exactly BASE64URL_SIZE(size) characters, no NUL. */
void base64url_encode(const void *data, size_t size, char *ret);
/* Refuses padding, other characters, impossible lengths and non-zero unused bits, so that two
 * texts are never the same value. ret must hold text.size * 3 / 4 bytes. The size, or
 * MCP_AUTH_E_INVALID. */
MUST_CHECK int base64url_decode(struct bytes text, void *ret);

#endif
