/* SPDX-License-Identifier: Apache-2.0 */
/* json_scan.h: the grammar of JSON, the only one here: tells of most texts what jansson would. */
#ifndef CODEC_JSON_SCAN_H
#define CODEC_JSON_SCAN_H

#include "codec/json.h"

enum json_scanned {
    JSON_PLAIN,    /* json_read takes it */
    JSON_UNSURE,   /* it is JSON; whether json_read takes it, or can have it built, jansson says */
    JSON_BROKEN,   /* it is not JSON from *ret_at on; jansson has the words */
    JSON_TOO_DEEP, /* at *ret_at: one more than JSON_DEPTH_MAX */
    JSON_NUL,      /* at *ret_at */
};

/* Private to codec/json.c. With a plain text its value is in *ret, the caller's; NULL `ret`: only
 * looked at, and more texts are plain then. */
enum json_scanned json_scan(struct bytes text, json_t **ret, size_t *ret_at);

#endif
