/* SPDX-License-Identifier: Apache-2.0 */
/* test_ws_frame.c: a frame header reads back as it was written, and only in its shortest form. */
#include "codec/ws_frame.h"

#include "mcp_auth/error.h"
#include "unit.h"

static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};

static const uint64_t sizes[] = {0, 1, 125, 126, 127, 255, 256, 65535, 65536, 1u << 20, 1ull << 40};
#define SIZES (sizeof sizes / sizeof sizes[0])

TEST(a_server_header_reads_back_as_written)
{
    for (size_t i = 0; i < SIZES; i++) {
        uint8_t wire[WS_SERVER_HEADER_MAX];
        struct ws_frame_header header;
        size_t size = ws_frame_write_header(wire, WS_BINARY, i % 2, sizes[i]);

        CHECK_EQ(size, sizes[i] < 126 ? 2 : sizes[i] < 65536 ? 4 : 10);
        CHECK_EQ(ws_frame_read_header(wire, size, &header), size);
        CHECK_EQ(header.header_size, size);
        CHECK_EQ(header.payload_size, sizes[i]);
        CHECK_EQ(header.opcode, WS_BINARY);
        CHECK(header.fin && !header.masked && !header.rsv2 && !header.rsv3);
        CHECK_EQ(header.rsv1, i % 2);
    }
}

TEST(a_client_header_reads_back_with_its_mask)
{
    for (size_t i = 0; i < SIZES; i++) {
        uint8_t wire[WS_HEADER_MAX];
        struct ws_frame_header header;
        size_t size = ws_frame_write_client_header(wire, WS_TEXT, sizes[i], mask);

        CHECK_EQ(size, sizes[i] < 126 ? 6 : sizes[i] < 65536 ? 8 : 14);
        CHECK_EQ(ws_frame_read_header(wire, size, &header), size);
        CHECK_EQ(header.payload_size, sizes[i]);
        CHECK(header.masked);
        assert_memory_equal(header.mask, mask, sizeof mask);
    }
}

TEST(a_header_cut_short_asks_for_more_and_leaves_the_result_alone)
{
    for (size_t i = 0; i < SIZES; i++) {
        uint8_t wire[WS_HEADER_MAX];
        struct ws_frame_header header = {.opcode = 77};
        size_t size = ws_frame_write_client_header(wire, WS_TEXT, sizes[i], mask);

        for (size_t cut = 0; cut < size; cut++) {
            /* In a block of its own, so that ASan sees a read over the end. */
            uint8_t *part = malloc(cut + 1);

            assert_non_null(part);
            memcpy(part + 1, wire, cut);
            CHECK_EQ(ws_frame_read_header(part + 1, cut, &header), 0);
            CHECK_EQ(header.opcode, 77);
            free(part);
        }
    }
}

TEST(every_bit_of_the_first_byte_is_told)
{
    for (unsigned first = 0; first < 256; first++) {
        const uint8_t wire[] = {(uint8_t)first, 5};
        struct ws_frame_header header;

        CHECK_EQ(ws_frame_read_header(wire, sizeof wire, &header), 2);
        CHECK_EQ(header.fin, first >> 7 & 1);
        CHECK_EQ(header.rsv1, first >> 6 & 1);
        CHECK_EQ(header.rsv2, first >> 5 & 1);
        CHECK_EQ(header.rsv3, first >> 4 & 1);
        CHECK_EQ(header.opcode, first & 15);
    }
}

TEST(a_length_that_would_fit_a_shorter_form_is_refused)
{
    static const uint8_t in_16[] = {0x82, 126, 0, 125};
    static const uint8_t in_64[] = {0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    static const uint8_t tiny_in_64[] = {0x82, 127, 0, 0, 0, 0, 0, 0, 0, 1};
    static const uint8_t least_in_16[] = {0x82, 126, 0, 126};
    static const uint8_t least_in_64[] = {0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0};
    struct ws_frame_header header;

    CHECK_EQ(ws_frame_read_header(in_16, sizeof in_16, &header), MCP_AUTH_E_INVALID);
    CHECK_EQ(ws_frame_read_header(in_64, sizeof in_64, &header), MCP_AUTH_E_INVALID);
    CHECK_EQ(ws_frame_read_header(tiny_in_64, sizeof tiny_in_64, &header), MCP_AUTH_E_INVALID);
    CHECK_EQ(ws_frame_read_header(least_in_16, sizeof least_in_16, &header), 4);
    CHECK_EQ(ws_frame_read_header(least_in_64, sizeof least_in_64, &header), 10);
}

TEST(a_length_with_the_top_bit_is_refused)
{
    static const uint8_t top[] = {0x82, 127, 0x80, 0, 0, 0, 0, 1, 0, 0};
    static const uint8_t most[] = {0x82, 127, 0x7f, 255, 255, 255, 255, 255, 255, 255};
    struct ws_frame_header header;

    CHECK_EQ(ws_frame_read_header(top, sizeof top, &header), MCP_AUTH_E_INVALID);
    CHECK_EQ(ws_frame_read_header(most, sizeof most, &header), 10);
    CHECK_EQ(header.payload_size, INT64_MAX);
}

/* Every start within a word, every size around a word, every place in the mask, against the
 * sentence of section 5.3: octet i is XORed with mask octet i modulo 4. */
TEST(unmasking_fast_is_unmasking_byte_by_byte)
{
    uint8_t room[80], want[80];

    for (size_t start = 0; start < 8; start++)
        for (size_t size = 0; size <= 64; size++)
            for (size_t offset = 0; offset < 9; offset++) {
                for (size_t i = 0; i < sizeof room; i++)
                    room[i] = want[i] = (uint8_t)(i * 31 + size);
                for (size_t i = 0; i < size; i++)
                    want[start + i] ^= mask[(offset + i) % 4];
                ws_frame_unmask(room + start, size, mask, offset);
                assert_memory_equal(room, want, sizeof room); /* and nothing around it */
            }
}

TEST(unmasking_in_two_parts_is_unmasking_at_once)
{
    for (size_t cut = 0; cut <= 40; cut++) {
        uint8_t whole[40], parts[40];

        for (size_t i = 0; i < sizeof whole; i++)
            whole[i] = parts[i] = (uint8_t)(i * 7);
        ws_frame_unmask(whole, sizeof whole, mask, 1ull << 62);
        ws_frame_unmask(parts, cut, mask, 1ull << 62);
        ws_frame_unmask(parts + cut, sizeof parts - cut, mask, (1ull << 62) + cut);
        assert_memory_equal(whole, parts, sizeof whole);
    }
}
