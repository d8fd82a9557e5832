/* SPDX-License-Identifier: Apache-2.0 */
/* url.h: paths and queries: percent-decoding and name=value pairs (RFC 3986 section 2.1). */
#ifndef CODEC_URL_H
#define CODEC_URL_H

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/strbuf.h"

/* Appends the decoded text; `plus_is_space` as in queries. MCP_AUTH_E_INVALID for a bad escape,
 * a NUL, or a result that is not UTF-8: nothing is appended then. Or the failure of `out`. */
MUST_CHECK int url_decode(struct bytes text, bool plus_is_space, struct strbuf *out);

/* Takes the next pair off the front of *query (still encoded). "&&" holds no pair; a name
 * without "=" has an empty value. False at the end. */
bool url_next_pair(struct bytes *query, struct bytes *ret_name, struct bytes *ret_value);

#endif
