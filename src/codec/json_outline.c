/* SPDX-License-Identifier: Apache-2.0 */
/* json_outline.c: a JSON text with the place of each value, for messages that say where. */
#include "codec/json_outline.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "mcp_auth/error.h"

#define ITEMS_FIRST 64u

/* Walks a text that jansson has found to be JSON and not too deep, so that it only has to find
 * where things are; jansson reads each name and scalar again, and no rule of JSON stands here. */
struct walk {
    struct json_outline *outline;
    const char *at, *end;
    struct json_place place;
};

static void step(struct walk *walk)
{
    unsigned char c = (unsigned char)*walk->at++;

    if (c == '\n')
        walk->place = (struct json_place){walk->place.line + 1, 1};
    else if ((c & 0xc0) != 0x80) /* UTF-8: 10xxxxxx continues a character */
        walk->place.column++;
}

/* The next byte that is not white space; 0 at the end. */
static char peek(struct walk *walk)
{
    while (walk->at < walk->end &&
           (*walk->at == ' ' || *walk->at == '\t' || *walk->at == '\n' || *walk->at == '\r'))
        step(walk);
    return walk->at < walk->end ? *walk->at : '\0';
}

/* A string, number or word, read by jansson. */
static int read_scalar(struct walk *walk, json_t **ret)
{
    const char *start = walk->at;
    bool escaped = false, quoted = *start == '"', no_memory;

    step(walk);
    while (walk->at < walk->end) {
        char c = *walk->at;

        if (!quoted && strchr(",]} \t\r\n", c))
            break;
        step(walk);
        if (quoted && c == '"' && !escaped)
            break;
        escaped = quoted && c == '\\' && !escaped;
    }
    *ret =
        json_load_watched((struct bytes){start, (size_t)(walk->at - start)}, 0, NULL, &no_memory);
    return *ret ? 0 : MCP_AUTH_E_NOMEM; /* it was read before, so nothing else can fail */
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

static int read_value(struct walk *walk, const struct json_item *start);

/* The name of a member, up to its value. */
static int read_name(struct walk *walk, struct json_item *child)
{
    child->name_at = walk->place;
    if (*walk->at != '"' || read_scalar(walk, &child->name) < 0)
        return MCP_AUTH_E_NOMEM;
    if (peek(walk) != ':') {
        json_decref(child->name);
        return MCP_AUTH_E_INVALID;
    }
    step(walk);
    return 0;
}

/* All members or elements of `parent`, linked in their order. Recurses as deep as the text, which
 * JSON_DEPTH_MAX bounds. */
static int read_children(struct walk *walk, unsigned parent, bool object)
{
    unsigned last = JSON_OUTLINE_NONE;
    struct json_item child = {.parent = parent};
    int r;

    step(walk); /* over the bracket */
    while (peek(walk) != (object ? '}' : ']')) {
        if (walk->at == walk->end)
            return MCP_AUTH_E_INVALID;
        child.name = NULL;
        r = object ? read_name(walk, &child) : 0;
        if (r == 0)
            r = read_value(walk, &child);
        if (r < 0)
            return r;
        if (last == JSON_OUTLINE_NONE)
            walk->outline->items[parent].first = (unsigned)r;
        else
            walk->outline->items[last].next = (unsigned)r;
        last = (unsigned)r;
        child.index++;
        if (peek(walk) == ',')
            step(walk);
    }
    step(walk);
    return 0;
}

/* The number of the item. Takes start->name. */
static int read_value(struct walk *walk, const struct json_item *start)
{
    struct json_item item = *start;
    char first = peek(walk);
    int index, r = 0;

    item.at = walk->place;
    if (!item.name)
        item.name_at = item.at;
    if (first == '{' || first == '[')
        item.type = first == '{' ? JSON_OBJECT : JSON_ARRAY;
    else
        r = first ? read_scalar(walk, &item.value) : MCP_AUTH_E_INVALID;
    if (item.value)
        item.type = json_typeof(item.value);
    index = r == 0 ? add_item(walk->outline, &item) : r;
    if (index < 0) {
        json_decref(item.name);
        json_decref(item.value);
        return index;
    }
    if (!item.value)
        r = read_children(walk, (unsigned)index, first == '{');
    return r < 0 ? r : index;
}

int json_outline_read(struct bytes text, struct json_outline *ret, struct json_problem *ret_problem)
{
    struct json_outline outline = {0};
    struct walk walk = {&outline, text.data, text.data + text.size, {1, 1}};
    json_t *value;
    int r = json_read_with_doubles(text, &value, ret_problem);

    if (r < 0)
        return r;
    json_decref(value); /* it was JSON: that is all that was asked */
    r = read_value(&walk, &(struct json_item){0});
    if (r < 0) {
        json_outline_done(&outline);
        assert(r == MCP_AUTH_E_NOMEM); /* else the walk and jansson do not agree */
        return MCP_AUTH_E_NOMEM;
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
