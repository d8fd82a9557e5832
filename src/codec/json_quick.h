/* SPDX-License-Identifier: Apache-2.0 */
/* json_quick.h: reads the plain shapes of JSON by whole strings; what is not plain is not read. */
#ifndef CODEC_JSON_QUICK_H
#define CODEC_JSON_QUICK_H

#include "codec/json.h"

/* Private to codec/json.c. One whole text under the rules of json_read; the caller's. NULL says
 * nothing about the text: ask jansson. */
json_t *json_quick_read(struct bytes text);

#endif
