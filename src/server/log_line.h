/* SPDX-License-Identifier: Apache-2.0 */
/* log_line.h: one record of the log as one line: text for people, or JSON. */
#ifndef SERVER_LOG_LINE_H
#define SERVER_LOG_LINE_H

#include <stdint.h>

#include "base/log.h"
#include "base/strbuf.h"

/* "2026-11-23T00:25:01.123Z INFO words key=value", without a line end. Whatever the values hold,
 * it stays one line of printable text: what does not fit is quoted and escaped as in JSON.
 * *ret_words_at is where the part that does not change with the time begins. */
void log_line_text(struct strbuf *out, int64_t wall_ms, enum log_level level, struct bytes words,
                   const struct log_field *fields, unsigned fields_count, size_t *ret_words_at);
/* {"time":...,"level":"info","message":"words","key":"value"} */
void log_line_json(struct strbuf *out, int64_t wall_ms, enum log_level level, struct bytes words,
                   const struct log_field *fields, unsigned fields_count, size_t *ret_words_at);

#endif
