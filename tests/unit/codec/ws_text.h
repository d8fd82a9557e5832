/* SPDX-License-Identifier: Apache-2.0 */
/* ws_text.h: messages to compress: text that can be, and noise that cannot. */
#ifndef UNIT_CODEC_WS_TEXT_H
#define UNIT_CODEC_WS_TEXT_H

#include "base/strbuf.h"
#include "unit.h"

#define MIB (1024u * 1024u)

/* Text with the likeness of ours: much repeated, never twice the same. */
static inline void put_text(struct strbuf *out, size_t size)
{
    for (unsigned i = 0; out->size < size; i++)
        strbuf_printf(out, "{\"type\":\"session.created\",\"id\":\"%08x\",\"n\":%u}",
                      i * 2654435761u, i);
    out->size = size;
    CHECK_EQ(out->error, 0);
}

/* Bytes that cannot be compressed. */
static inline void put_noise(struct strbuf *out, size_t size, uint32_t seed)
{
    for (size_t i = 0; i < size; i++) {
        seed = seed * 1664525u + 1013904223u;
        strbuf_putc(out, (char)(seed >> 24));
    }
}

#endif
