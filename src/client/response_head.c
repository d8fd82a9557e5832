/* SPDX-License-Identifier: Apache-2.0 */
/* response_head.c: status and fields of the head of an answer (RFC 9112 sections 4 and 5). */
#include "client/response_head.h"

#include "mcp_auth/error.h"

/* The next line of the head without its end; false at the empty line. */
static bool next_line(struct bytes *rest, struct bytes *ret)
{
    const char *end = memchr(rest->data, '\n', rest->size);

    if (!end)
        return false;
    *ret = (struct bytes){rest->data, (size_t)(end - rest->data)};
    rest->data += ret->size + 1;
    rest->size -= ret->size + 1;
    if (ret->size > 0 && ret->data[ret->size - 1] == '\r')
        ret->size--;
    return ret->size > 0;
}

static struct bytes trimmed(struct bytes text)
{
    while (text.size > 0 && strchr(" \t", text.data[0]))
        text.data++, text.size--;
    while (text.size > 0 && strchr(" \t", text.data[text.size - 1]))
        text.size--;
    return text;
}

struct bytes response_field(struct bytes head, struct bytes name)
{
    struct bytes line, found = {0};

    (void)next_line(&head, &line); /* the status line */
    while (next_line(&head, &line)) {
        if (line.size <= name.size || line.data[name.size] != ':' ||
            !bytes_equal_nocase((struct bytes){line.data, name.size}, name))
            continue;
        if (bytes_present(found))
            return (struct bytes){0};
        found = trimmed((struct bytes){line.data + name.size + 1, line.size - name.size - 1});
    }
    return found;
}

bool response_list_has(struct bytes list, struct bytes token)
{
    while (list.size > 0) {
        const char *comma = memchr(list.data, ',', list.size);
        size_t size = comma ? (size_t)(comma - list.data) : list.size;

        if (bytes_equal_nocase(trimmed((struct bytes){list.data, size}), token))
            return true;
        size += comma != NULL;
        list.data += size;
        list.size -= size;
    }
    return false;
}

int response_status(struct bytes head)
{
    int status = 0;

    if (head.size < 12 || !bytes_starts_with(head, BYTES("HTTP/1.1 ")))
        return MCP_AUTH_E_INVALID;
    for (size_t i = 9; i < 12; i++) {
        if (head.data[i] < '0' || head.data[i] > '9')
            return MCP_AUTH_E_INVALID;
        status = status * 10 + (head.data[i] - '0');
    }
    return status;
}
