/* SPDX-License-Identifier: Apache-2.0 */
/* embedded.h: the files of web/, built into the program by tools/embed.py. */
#ifndef API_EMBEDDED_H
#define API_EMBEDDED_H

#include "base/bytes.h"

struct embedded_asset {
    const char *name;         /* "index.html": the path without its slash */
    const char *content_type; /* with its charset */
    const char *etag;         /* strong, quotes included (RFC 9110 section 8.8.3) */
    struct bytes body;
};

extern const struct embedded_asset embedded_assets[]; /* ends with a row whose name is NULL */
extern const unsigned embedded_assets_count;

#endif
