/* SPDX-License-Identifier: Apache-2.0 */
/* log_line.c: formats a record of the log, so that no value can forge a second line. */
#include "server/log_line.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "codec/json.h"

static const char *const upper[] = {"DEBUG", "INFO", "WARNING", "ERROR"};
static const char *const lower[] = {"debug", "info", "warning", "error"};

/* As a JSON string; bytes that are not UTF-8 become '?', for a log must always be readable. */
static void put_quoted(struct strbuf *out, struct bytes value)
{
    struct strbuf clean;

    if (utf8_valid(value.data, value.size)) {
        json_put_string(out, value);
        return;
    }
    strbuf_init(&clean, value.size);
    for (size_t i = 0; i < value.size; i++)
        strbuf_putc(&clean, (unsigned char)value.data[i] < 0x80 ? value.data[i] : '?');
    json_put_string(out, strbuf_bytes(&clean));
    strbuf_done(&clean);
}

static bool is_plain(struct bytes value)
{
    for (size_t i = 0; i < value.size; i++) {
        char c = value.data[i];

        if (c <= ' ' || c > '~' || c == '"' || c == '=' || c == '\\')
            return false;
    }
    return value.size > 0;
}

void log_line_text(struct strbuf *out, int64_t wall_ms, enum log_level level, struct bytes words,
                   const struct log_field *fields, unsigned fields_count, size_t *ret_words_at)
{
    char time[CLOCK_RFC3339_SIZE];

    clock_rfc3339(wall_ms, time);
    strbuf_puts(out, time);
    *ret_words_at = out->size;
    strbuf_printf(out, " %s ", upper[level]);
    strbuf_put_bytes(out, words);
    for (unsigned i = 0; i < fields_count; i++) {
        strbuf_printf(out, " %s=", fields[i].key);
        if (is_plain(fields[i].value))
            strbuf_put_bytes(out, fields[i].value);
        else
            put_quoted(out, fields[i].value);
    }
}

void log_line_json(struct strbuf *out, int64_t wall_ms, enum log_level level, struct bytes words,
                   const struct log_field *fields, unsigned fields_count, size_t *ret_words_at)
{
    char time[CLOCK_RFC3339_SIZE];

    clock_rfc3339(wall_ms, time);
    strbuf_printf(out, "{\"time\":\"%s\"", time);
    *ret_words_at = out->size;
    strbuf_printf(out, ",\"level\":\"%s\",\"message\":", lower[level]);
    put_quoted(out, words);
    for (unsigned i = 0; i < fields_count; i++) {
        json_put_name(out, fields[i].key);
        put_quoted(out, fields[i].value);
    }
    strbuf_putc(out, '}');
}
