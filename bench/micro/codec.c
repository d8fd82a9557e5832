/* SPDX-License-Identifier: Apache-2.0 */
/* codec.c: what reading costs: a client's frame unmasked, and the head of a sign-in request. */
#include <string.h>

#include "base/utf8.h"
#include "codec/http_request.h"
#include "codec/ws_frame.h"
#include "measure.h"

static uint64_t unmask_310(unsigned count)
{
    static const uint8_t mask[4] = {0x12, 0x34, 0x56, 0x78};
    static uint8_t payload[310];
    uint64_t sum = 1;

    for (unsigned i = 0; i < count; i++) {
        ws_frame_unmask(payload, sizeof payload, mask, i);
        sum += payload[i % sizeof payload];
    }
    return sum;
}

static uint64_t utf8_310(unsigned count)
{
    static char text[310];
    uint64_t sum = 0;

    memset(text, 'a', sizeof text);
    for (unsigned i = 0; i < count; i++) {
        text[i % sizeof text] ^= 1;
        sum += utf8_valid(text, sizeof text);
    }
    return sum;
}

static const char request_text[] = "GET /ws HTTP/1.1\r\n"
                                   "Host: localhost:8000\r\n"
                                   "Upgrade: websocket\r\n"
                                   "Connection: Upgrade\r\n"
                                   "Origin: http://localhost:3000\r\n"
                                   "Sec-WebSocket-Version: 13\r\n"
                                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                   "\r\n";

static uint64_t handshake_head(unsigned count)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < count; i++) {
        struct http_request request;
        const char *why;
        size_t seen = 0;
        int size = http_request_parse((struct bytes){request_text, sizeof request_text - 1}, &seen,
                                      &request, &why);

        if (size < 0)
            abort();
        sum += (unsigned)size;
    }
    return sum;
}

int main(void)
{
    measure("ws_frame_unmask, 310 bytes", 310, 2000000, unmask_310);
    measure("utf8_valid, 310 bytes", 310, 500000, utf8_310);
    measure("http_request_parse, upgrade", sizeof request_text - 1, 200000, handshake_head);
    return 0;
}
