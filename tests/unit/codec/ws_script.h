/* SPDX-License-Identifier: Apache-2.0 */
/* ws_script.h: plays a peer's frames to a reader in every split and compares what it says. */
#ifndef UNIT_CODEC_WS_SCRIPT_H
#define UNIT_CODEC_WS_SCRIPT_H

#include "codec/ws_message.h"

#define FIN 0x80
#define RSV1 0x40
#define LIMIT 1000

/* What a peer sends, and what the reader made of it, as text that can be compared. */
struct script {
    enum ws_role role;
    bool rsv1_allowed;
    size_t limit;
    struct strbuf wire;
};

void script_init(struct script *script, enum ws_role role);

/* Adds a frame as the role's peer sends it. */
void script_put_frame(struct script *script, unsigned first, struct bytes payload);

/* Plays the script whole, byte by byte, in every two pieces and in every three where it is short
 * enough; `want` must come out each time: "text(Hello)ping()close 1000(bye)". Frees the script. */
void script_expect(struct script *script, struct bytes want);

/* The same for one frame to a server, and for bytes as they are. */
void script_expect_frame(unsigned first, struct bytes payload, struct bytes want);
void script_expect_wire(enum ws_role role, struct bytes wire, struct bytes want);

/* One play of it, by hand. script_feed gives one piece, in a block of its own so that ASan sees
 * every step outside of it, until the reader has said all it can about it. */
void script_begin(const struct script *script, struct ws_reader *reader, struct strbuf *log);
void script_feed(struct ws_reader *reader, const char *data, size_t size, struct strbuf *log);
void script_end(struct ws_reader *reader, struct strbuf *log, struct bytes want);

#endif
