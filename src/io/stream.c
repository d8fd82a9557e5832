/* SPDX-License-Identifier: Apache-2.0 */
/* stream.c: the kinds of stream there are. */
#include "io/stream.h"

const struct stream_kind *const stream_kinds[STREAM_KINDS] = {
    [STREAM_PLAIN] = &stream_plain,
    [STREAM_TLS] = &stream_tls,
};
