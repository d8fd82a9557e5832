/* SPDX-License-Identifier: Apache-2.0 */
/* settings_lists.c: texts and lists of texts that the settings own, each in one allocation. */
#include "node/settings_table.h"

#include <assert.h>
#include <stdlib.h>

#include "mcp_auth/error.h"

int text_copy(struct bytes text, struct bytes *ret)
{
    char *data = malloc(text.size + 1);

    if (!data)
        return MCP_AUTH_E_NOMEM;
    if (text.size)
        memcpy(data, text.data, text.size);
    data[text.size] = '\0'; /* paths are handed to the system as they are */
    *ret = (struct bytes){data, text.size};
    return 0;
}

void text_wipe(struct bytes *text)
{
    if (!bytes_present(*text))
        return;
    explicit_bzero((char *)(uintptr_t)text->data, text->size);
    free((char *)(uintptr_t)text->data);
    *text = (struct bytes){0};
}

/* Takes the next item off the front; false at the end. Empty items are passed over. */
static bool next_item(struct bytes *rest, struct bytes *ret)
{
    while (rest->size) {
        const char *comma = memchr(rest->data, ',', rest->size);
        struct bytes item = {rest->data, comma ? (size_t)(comma - rest->data) : rest->size};
        size_t used = comma ? item.size + 1 : item.size;

        rest->data += used;
        rest->size -= used;
        while (item.size && (item.data[0] == ' ' || item.data[0] == '\t'))
            item.data++, item.size--;
        while (item.size && (item.data[item.size - 1] == ' ' || item.data[item.size - 1] == '\t'))
            item.size--;
        if (item.size) {
            *ret = item;
            return true;
        }
    }
    return false;
}

int text_list_split(struct bytes text, struct text_list *ret)
{
    struct bytes rest = text, item = {0};
    struct bytes *items;
    size_t size = 0;
    unsigned count = 0;
    char *put;

    while (next_item(&rest, &item)) {
        count++;
        size += item.size + 1;
    }
    if (count == 0) {
        *ret = (struct text_list){0};
        return 0;
    }

    /* The items first, then their bytes, each with a NUL. */
    items = malloc(count * sizeof *items + size);
    if (!items)
        return MCP_AUTH_E_NOMEM;
    put = (char *)(items + count);
    rest = text;
    for (unsigned i = 0; next_item(&rest, &item); i++) {
        assert(i < count);
        memcpy(put, item.data, item.size);
        put[item.size] = '\0';
        items[i] = (struct bytes){put, item.size};
        put += item.size + 1;
    }
    *ret = (struct text_list){items, count};
    return 0;
}

void text_list_done(struct text_list *list)
{
    free(list->items);
    *list = (struct text_list){0};
}
