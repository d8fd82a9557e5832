/* SPDX-License-Identifier: Apache-2.0 */
/* redact.h: takes members with secret names out of a JSON value, at any depth. */
#ifndef WIRE_REDACT_H
#define WIRE_REDACT_H

#include "codec/json.h"
#include "model/privacy.h"

/* Changes the value in place; the number of members removed. */
unsigned redact_value(json_t *value, const struct redaction *redaction);

#endif
