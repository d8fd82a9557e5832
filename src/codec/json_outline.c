/* SPDX-License-Identifier: Apache-2.0 */
/* json_outline.c: a JSON text with the place of each value, for messages that say where. */
#include "codec/json_outline.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/json_walk.h"
#include "mcp_auth/error.h"

#define ITEMS_FIRST 64u

struct reading {
    struct json_outline *outline;
    const char *at; /* what has been passed, and the place of it */
    struct json_place place;
};

static struct json_place place_of(struct reading *reading, struct bytes value)
{
    json_place_move(&reading->place,
                    (struct bytes){reading->at, (size_t)(value.data - reading->at)});
    reading->at = value.data;
    return reading->place;
}

static int add_item(struct json_outline *outline, const struct json_item *item)
{
    if (outline->count == outline->room) {
        unsigned room = outline->room ? 2 * outline->room : ITEMS_FIRST;
        struct json_item *items = realloc(outline->items, room * sizeof *items);

        if (!items)
            return MCP_AUTH_E_NOMEM;
        outline->items = items;
        outline->room = room;
    }
    outline->items[outline->count] = *item;
    return (int)outline->count++;
}

static int read_value(struct reading *reading, struct bytes value, const struct json_item *start);

static bool next(struct json_walk *walk, bool object, struct bytes *ret_name,
                 struct bytes *ret_value)
{
    return object ? json_walk_member(walk, ret_name, ret_value)
                  : json_walk_element(walk, ret_value);
}

/* All members or elements of `parent`, linked in their order. */
static int read_children(struct reading *reading, struct bytes value, unsigned parent)
{
    struct json_item *items, child = {.parent = parent};
    struct json_walk walk = json_walk(value);
    bool object = value.data[0] == '{';
    unsigned last = JSON_OUTLINE_NONE;
    struct bytes name, element;
    int r;

    for (; next(&walk, object, &name, &element); child.index++) {
        r = 0;
        if (object) {
            child.name_at = place_of(reading, name);
            r = json_read(name, &child.name, NULL);
        }
        if (r == 0)
            r = read_value(reading, element, &child);
        if (r < 0)
            return r;
        items = reading->outline->items;
        if (last == JSON_OUTLINE_NONE)
            items[parent].first = (unsigned)r;
        else
            items[last].next = (unsigned)r;
        last = (unsigned)r;
    }
    return 0;
}

/* The number of the item. Takes start->name. Recurses up to JSON_DEPTH_MAX. */
static int read_value(struct reading *reading, struct bytes value, const struct json_item *start)
{
    struct json_item item = *start;
    bool nested = value.data[0] == '{' || value.data[0] == '[';
    int index, r = 0;

    item.at = place_of(reading, value);
    if (!item.name)
        item.name_at = item.at;
    if (nested)
        item.type = value.data[0] == '{' ? JSON_OBJECT : JSON_ARRAY;
    else
        r = json_read(value, &item.value, NULL);
    if (item.value)
        item.type = json_typeof(item.value);
    index = r == 0 ? add_item(reading->outline, &item) : r;
    if (index < 0) {
        json_decref(item.name);
        json_decref(item.value);
        return index;
    }
    if (nested)
        r = read_children(reading, value, (unsigned)index);
    return r < 0 ? r : index;
}

int json_outline_read(struct bytes text, struct json_outline *ret, struct json_problem *ret_problem)
{
    struct json_outline outline = {0};
    struct reading reading = {&outline, text.data, {1, 1}};
    int r = json_check_with_doubles(text, ret_problem);

    if (r < 0)
        return r;
    r = read_value(&reading, json_walk_value(text), &(struct json_item){0});
    if (r < 0) {
        json_outline_done(&outline);
        assert(r == MCP_AUTH_E_NOMEM); /* it was checked */
        return r;
    }
    *ret = outline;
    return 0;
}

void json_outline_done(struct json_outline *outline)
{
    for (unsigned i = 0; i < outline->count; i++) {
        json_decref(outline->items[i].name);
        json_decref(outline->items[i].value);
    }
    free(outline->items);
    *outline = (struct json_outline){0};
}

struct bytes json_item_name(const struct json_item *item)
{
    return json_text(item->name);
}

struct bytes json_item_text(const struct json_item *item)
{
    return json_text(item->value);
}

struct pointer {
    char *text;
    size_t size, room; /* a NUL more is there */
    bool cut;
};

static void put(struct pointer *pointer, char c)
{
    if (pointer->size == pointer->room)
        pointer->cut = true;
    else
        pointer->text[pointer->size++] = (unsigned char)c < 0x20 || c == 0x7f ? '?' : c;
}

static void put_step(struct pointer *pointer, const struct json_item *item)
{
    struct bytes name = json_item_name(item);
    char index[12] = "";

    if (!bytes_present(name)) {
        snprintf(index, sizeof index, "%u", item->index);
        name = bytes_of(index);
    }
    put(pointer, '/');
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] == '~' || name.data[i] == '/') { /* RFC 6901 section 3 */
            put(pointer, '~');
            put(pointer, name.data[i] == '~' ? '0' : '1');
        } else {
            put(pointer, name.data[i]);
        }
    }
}

void json_outline_pointer(const struct json_outline *outline, unsigned item, char *ret,
                          size_t ret_size)
{
    struct pointer pointer = {ret, 0, ret_size - 1, false};
    unsigned steps[JSON_DEPTH_MAX + 1], count = 0;

    assert(ret_size >= 4 && item < outline->count);
    for (; item != 0; item = outline->items[item].parent) {
        assert(count <= JSON_DEPTH_MAX);
        steps[count++] = item;
    }
    while (count > 0)
        put_step(&pointer, &outline->items[steps[--count]]);
    if (pointer.cut) {
        pointer.size -= 3;
        while (pointer.size > 0 && ((unsigned char)ret[pointer.size] & 0xc0) == 0x80)
            pointer.size--; /* never half a character */
        memcpy(ret + pointer.size, "...", 3);
        pointer.size += 3;
    }
    ret[pointer.size] = '\0';
}
