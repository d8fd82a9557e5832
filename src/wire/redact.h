/* SPDX-License-Identifier: Apache-2.0 */
/* redact.h: writes a JSON value again without the members that have secret names, at any depth. */
#ifndef WIRE_REDACT_H
#define WIRE_REDACT_H

#include "codec/json_walk.h"
#include "model/privacy.h"

/* `value` is checked (json_check); what is appended is compact and as json_put_value writes it. The
 * number of members left out. */
unsigned redact_put(struct strbuf *out, struct bytes value, const struct redaction *redaction);

#endif
