/* SPDX-License-Identifier: Apache-2.0 */
/* oracle.h: told in order what happens at each hub, it says what every client must have got. */
#ifndef SIM_ORACLE_H
#define SIM_ORACLE_H

#include <stddef.h>

#include "oracle_plain.h"

/* Shares no code with src/: its rules are written from protocol.md, its data structures are
 * arrays that are walked. The hub acts first, then the oracle is told the same thing, then what
 * the hub did by itself (questions to the history, closes), and then it judges the turn. */
struct oracle;

struct oracle *oracle_new(const struct plain_config *config); /* borrowed */
void oracle_free(struct oracle *oracle);
/* What went wrong first, or NULL. */
const char *oracle_problem(const struct oracle *oracle);

/* The stream; `event` is borrowed until the oracle is freed. */
void oracle_entry(struct oracle *oracle, uint64_t n, const struct plain_event *event);
bool oracle_has_fence(const struct plain_config *config, const struct plain_event *event);
/* The bus has announced n, and this is now what history knows. */
void oracle_bus_announced(struct oracle *oracle, uint64_t n);
void oracle_bus_answered(struct oracle *oracle, unsigned client, bool check_good, uint64_t from_n,
                         enum plain_outcome outcome, uint64_t upto_n);

/* At one hub. */
void oracle_time(struct oracle *oracle, unsigned hub, int64_t mono_ms, int64_t wall_ms);
void oracle_bus_state(struct oracle *oracle, unsigned hub, int state); /* 0 ok 1 degraded 2 none */
void oracle_effect(struct oracle *oracle, unsigned hub, uint64_t n);
void oracle_announce(struct oracle *oracle, unsigned hub, uint64_t n);
void oracle_answer(struct oracle *oracle, unsigned client, uint32_t serial,
                   enum plain_outcome outcome, uint64_t upto_n);

void oracle_close_all(struct oracle *oracle, unsigned hub); /* draining */

/* One client. `admitted`: whether there was a place for it, if the hub asked. */
void oracle_connect(struct oracle *oracle, unsigned client, unsigned hub, bool control,
                    const struct plain_token *handshake, bool admitted);
void oracle_auth(struct oracle *oracle, unsigned client, const struct plain_token *token,
                 const struct plain_position *position, bool position_readable,
                 const struct plain_filter *filter, bool admitted);
void oracle_subscribe(struct oracle *oracle, unsigned client, const struct plain_filter *filter);
void oracle_ping(struct oracle *oracle, unsigned client, const char *id_json);
void oracle_bad_message(struct oracle *oracle, unsigned client);
void oracle_pong(struct oracle *oracle, unsigned client);
void oracle_sent(struct oracle *oracle, unsigned client, size_t size);
void oracle_gone(struct oracle *oracle, unsigned client); /* the connection is no more */

/* What the hub did by itself during the turn. */
void oracle_asked(struct oracle *oracle, unsigned client, uint32_t serial, bool first,
                  uint64_t from_n);
void oracle_closed(struct oracle *oracle, unsigned client, int code);
void oracle_turn(struct oracle *oracle, unsigned hub);

/* What arrived at a client. */
void oracle_got_text(struct oracle *oracle, unsigned client, const char *text, size_t size);
void oracle_got_ping(struct oracle *oracle, unsigned client);
/* All that was on its way has arrived. */
void oracle_drained(struct oracle *oracle, unsigned client);
/* Nothing is on its way anywhere: nobody may still be catching up, or be behind its hub. */
void oracle_quiet(struct oracle *oracle);

/* For the statistics and the choice of what to try next. */
bool oracle_signed_in(const struct oracle *oracle, unsigned client);
bool oracle_catching_up(const struct oracle *oracle, unsigned client);
const struct plain_token *oracle_token(const struct oracle *oracle, unsigned client);
uint64_t oracle_head(const struct oracle *oracle, unsigned hub);
uint64_t oracle_owed(const struct oracle *oracle, unsigned client);

#endif
