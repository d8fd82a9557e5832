/* SPDX-License-Identifier: Apache-2.0 */
/* event_type.h: the event types and security levels this product knows, and no others. */
#ifndef MODEL_EVENT_TYPE_H
#define MODEL_EVENT_TYPE_H

#include "base/bytes.h"
#include "protocol_lists.h" /* made from protocol/ by tools/generate.py */

#define EVENT_TYPE_ENTRY(name, text, family, message) EVENT_##name,
enum event_type { EVENT_TYPE_LIST(EVENT_TYPE_ENTRY) EVENT_TYPES };
#undef EVENT_TYPE_ENTRY

enum event_family { FAMILY_PERMISSION, FAMILY_ROLE, FAMILY_USER, FAMILY_SECURITY, FAMILY_SYSTEM };

struct bytes event_type_text(enum event_type type);
struct bytes event_type_message(enum event_type type); /* the default; names nobody */
enum event_family event_type_family(enum event_type type);
/* The type with exactly this text, or MCP_AUTH_E_NOT_FOUND. */
int event_type_find(struct bytes text);

/* Ranks: LOW = INFO (0) < MEDIUM = WARNING (1) < HIGH (2) < CRITICAL (3). Compared without case;
 * MCP_AUTH_E_NOT_FOUND for any other text. */
#define LEVEL_RANK_MAX 3
int level_rank(struct bytes text);
struct bytes level_text(int rank); /* LOW, MEDIUM, HIGH, CRITICAL: a rank's first name */
struct bytes level_default(void);  /* what an event without a level has */

#endif
