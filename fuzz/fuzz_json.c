/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_json.c: what is read and written again reads as the same value, and writes the same. */
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "codec/json_scan.h"
#include "codec/json_walk.h"
#include "wire/redact.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_json: %s\n", what);
    abort();
}

/* Any bytes at all as a string must come out as one string of JSON. */
static void check_string(struct bytes text)
{
    struct json_problem problem;
    struct strbuf out;
    json_t *value = NULL;

    if (text.size > 0 && memchr(text.data, '\0', text.size))
        return; /* written as \u0000, which we do not read */
    strbuf_init(&out, text.size * 6 + 2);
    json_put_string(&out, text);
    must(out.error == 0, "a string grew more than sixfold");
    must(json_read(strbuf_bytes(&out), &value, &problem) == 0, "a written string is refused");
    must(json_is_string(value), "a written string is none");
    if (utf8_valid(text.data, text.size))
        must(bytes_equal(json_text(value), text), "a string changed");
    json_decref(value);
    strbuf_done(&out);
}

/* json_check takes what json_read takes, in the same words; and written from where it stands it is
 * what json_put_value writes, without secrets. */
static void check_scan(struct bytes text, int read, const struct json_problem *why,
                       const json_t *value)
{
    struct json_problem problem = {""};
    struct strbuf scanned, written;
    unsigned removed;

    must((json_check(text, &problem) < 0) == (read < 0), "json_check and json_read differ");
    if (read < 0) {
        must(strcmp(problem.text, why->text) == 0, "json_check refuses in other words");
        return;
    }
    strbuf_init(&scanned, text.size * 32 + 64);
    strbuf_init(&written, text.size * 32 + 64);
    removed = redact_put(&scanned, json_walk_value(text), NULL);
    json_put_value(&written, value);
    must(!scanned.error && !written.error, "the writing failed");
    if (removed == 0)
        must(bytes_equal(strbuf_bytes(&scanned), strbuf_bytes(&written)),
             "what stands in the text is written differently");
    else
        must(json_check(strbuf_bytes(&scanned), NULL) == 0, "what was redacted is no JSON");
    strbuf_done(&scanned);
    strbuf_done(&written);
}

/* What is plain jansson reads, as the same value; what is broken it does not. */
static void check_plain(struct bytes text)
{
    json_t *built = NULL, *read;
    json_error_t error;
    bool starved;
    size_t at;
    enum json_scanned looked = json_scan(text, NULL, &at), scanned = json_scan(text, &built, &at);

    must(scanned == looked || (scanned == JSON_UNSURE && looked == JSON_PLAIN) ||
             (scanned == JSON_PLAIN && looked == JSON_UNSURE),
         "building changed the grammar");
    must((scanned == JSON_PLAIN) == (built != NULL), "a plain text without a value");
    if (scanned == JSON_TOO_DEEP || scanned == JSON_NUL)
        return; /* jansson takes some of these */
    read = json_load_watched(text, JSON_REJECT_DUPLICATES, &error, &starved);
    if (looked == JSON_PLAIN || scanned == JSON_PLAIN)
        must(read != NULL, "plain, but not to jansson");
    if (scanned == JSON_BROKEN)
        must(read == NULL, "broken, but not to jansson");
    if (built)
        must(json_equal(built, read), "built otherwise than by jansson");
    json_decref(built);
    json_decref(read);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_problem problem = {""};
    struct bytes text = {(const char *)data, size};
    struct strbuf first, second;
    json_t *value = NULL, *again = NULL;
    int r = json_read(text, &value, &problem);

    check_string(text);
    check_plain(text);
    check_scan(text, r, &problem, value);
    if (r < 0) {
        must(problem.text[0] != '\0' && memchr(problem.text, '\0', sizeof problem.text) != NULL,
             "a refusal without words");
        return 0;
    }
    must(memchr(data, '\0', size) == NULL, "NUL was accepted");

    strbuf_init(&first, size * 32 + 64);
    strbuf_init(&second, size * 32 + 64);
    json_put_value(&first, value);
    must(first.error == 0, "the writing failed");
    must(utf8_valid(first.data, first.size), "what is written is not UTF-8");
    must(json_read(strbuf_bytes(&first), &again, &problem) == 0, "what is written is refused");
    must(json_equal(value, again), "the value changed");
    json_put_value(&second, again);
    must(bytes_equal(strbuf_bytes(&first), strbuf_bytes(&second)), "written twice differently");

    json_decref(value);
    json_decref(again);
    strbuf_done(&first);
    strbuf_done(&second);
    return 0;
}
