/* SPDX-License-Identifier: Apache-2.0 */
/* policy_receiver.c: the words by which a policy file names who may see an event. */
#include "wire/policy_receiver.h"

#include <stdarg.h>
#include <stdio.h>

#include "mcp_auth/error.h"
#include "model/limits.h"
#include "wire/nearest.h"

struct complaint {
    char *reason;
    size_t size;
};

PRINTF_LIKE(2, 3)
static int refuse(const struct complaint *complaint, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(complaint->reason, complaint->size, format, list);
    va_end(list);
    return MCP_AUTH_E_INVALID;
}

static bool has_control(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f)
            return true;
    return false;
}

static struct bytes rest_of(struct bytes text, size_t from)
{
    return (struct bytes){text.data + from, text.size - from};
}

/* "{resource}" or "{action}" at the beginning: its size, or 0. */
static size_t placeholder_size(struct bytes text)
{
    static const struct bytes words[] = {{"{resource}", 10}, {"{action}", 8}};

    for (size_t i = 0; i < ARRAY_COUNT(words); i++)
        if (bytes_starts_with(text, words[i]))
            return words[i].size;
    return 0;
}

/* A brace that begins no placeholder, and what it may have been meant to be. */
static int refuse_brace(const struct complaint *complaint, struct bytes rest)
{
    static const struct bytes words[] = {{"{resource}", 10}, {"{action}", 8}};
    const char *end = memchr(rest.data, '}', rest.size);
    const char *colon = memchr(rest.data, ':', rest.size);
    size_t size = end     ? (size_t)(end - rest.data) + 1
                  : colon ? (size_t)(colon - rest.data)
                          : rest.size;
    struct bytes word = {rest.data, size}, near;
    char shown[33];

    clip_text(shown, sizeof shown, word);
    near = nearest_word(word, words, ARRAY_COUNT(words));
    if (bytes_present(near))
        return refuse(complaint, "has %s, which is not filled in; did you mean %.*s?", shown,
                      (int)near.size, near.data);
    return refuse(complaint, "has %s; only {resource} and {action} are filled in", shown);
}

/* RESOURCE:ACTION. What is looked for is one permission: who holds a wildcard over it is found. */
static int check_template(struct bytes text, const struct complaint *complaint)
{
    const char *colon = text.size ? memrchr(text.data, ':', text.size) : NULL;

    if (!colon || colon == text.data || colon == text.data + text.size - 1)
        return refuse(complaint, "must be permission:RESOURCE:ACTION, with a resource and an "
                                 "action");
    if (text.size > PERMISSION_SIZE_MAX)
        return refuse(complaint, "names a permission longer than %u bytes", PERMISSION_SIZE_MAX);
    for (size_t i = 0; i < text.size;) {
        size_t size = placeholder_size(rest_of(text, i));

        if (size == 0 && text.data[i] == '{')
            return refuse_brace(complaint, rest_of(text, i));
        if (size == 0 && text.data[i] == '}')
            return refuse(complaint, "has a } without its {");
        if (size == 0 && text.data[i] == '*')
            return refuse(complaint, "must name one permission, without *; who holds a wildcard "
                                     "over it is found as well");
        i += size ? size : 1;
    }
    return 0;
}

static int check_role(struct bytes name, const struct complaint *complaint)
{
    if (name.size == 0)
        return refuse(complaint, "must name a role, as in role:auditor");
    if (name.size > ROLE_SIZE_MAX)
        return refuse(complaint, "names a role longer than %u bytes", ROLE_SIZE_MAX);
    for (size_t i = 0; i < name.size; i++)
        if (placeholder_size(rest_of(name, i)))
            return refuse(complaint, "must name one role; placeholders are filled in only in "
                                     "permission:");
    return 0;
}

static int refuse_unknown(struct bytes text, const struct complaint *complaint)
{
    static const struct bytes words[] = {{"subject", 7}, {"target", 6}, {"admins", 6}};
    static const struct bytes prefixes[] = {{"role", 4}, {"permission", 10}};
    const char *colon = text.size ? memchr(text.data, ':', text.size) : NULL;
    struct bytes prefix = {text.data, colon ? (size_t)(colon - text.data) : text.size}, near;
    char shown[65];

    clip_text(shown, sizeof shown, text);
    near = colon ? nearest_word(prefix, prefixes, ARRAY_COUNT(prefixes))
                 : nearest_word(text, words, ARRAY_COUNT(words));
    if (bytes_present(near) && colon)
        return refuse(complaint, "'%s' is no receiver; did you mean %.*s:...?", shown,
                      (int)near.size, near.data);
    if (bytes_present(near))
        return refuse(complaint, "'%s' is no receiver; did you mean %.*s?", shown, (int)near.size,
                      near.data);
    return refuse(complaint,
                  "'%s' is no receiver; it must be subject, target, admins, role:NAME or "
                  "permission:RESOURCE:ACTION",
                  shown);
}

int policy_receiver_read(struct bytes text, struct receiver *ret, char *ret_reason,
                         size_t reason_size)
{
    static const struct {
        struct bytes text;
        enum receiver_kind kind;
    } words[] = {{{"subject", 7}, RECEIVER_SUBJECT},
                 {{"target", 6}, RECEIVER_TARGET},
                 {{"admins", 6}, RECEIVER_ADMINS}};
    const struct complaint complaint = {ret_reason, reason_size};
    struct receiver receiver = {0};
    int r;

    if (has_control(text))
        return refuse(&complaint, "must not hold control characters");
    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        if (bytes_equal(text, words[i].text)) {
            *ret = (struct receiver){.kind = words[i].kind};
            return 0;
        }
    }
    if (bytes_starts_with(text, BYTES("role:"))) {
        receiver = (struct receiver){RECEIVER_ROLE, rest_of(text, 5)};
        r = check_role(receiver.name, &complaint);
    } else if (bytes_starts_with(text, BYTES("permission:"))) {
        receiver = (struct receiver){RECEIVER_PERMISSION, rest_of(text, 11)};
        r = check_template(receiver.name, &complaint);
    } else {
        r = refuse_unknown(text, &complaint);
    }
    if (r == 0)
        *ret = receiver;
    return r;
}
