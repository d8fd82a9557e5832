/* SPDX-License-Identifier: Apache-2.0 */
/* settings.c: collects settings: each value with the source it came from, the strongest wins. */
#include "node/settings.h"

#include <assert.h>
#include <stdlib.h>

#include "base/base64url.h"
#include "base/random.h"
#include "mcp_auth/error.h"
#include "node/settings_table.h"

int settings_builder_new(struct settings_builder **ret)
{
    struct settings_builder *builder = calloc(1, sizeof *builder);

    if (!builder)
        return MCP_AUTH_E_NOMEM;
    for (unsigned i = 0; i < SETTINGS_COUNT; i++)
        setting_range(&setting_rules[i], builder->ranges[i]);
    *ret = builder;
    return 0;
}

static void value_done(struct setting_value *value)
{
    if (value->text)
        explicit_bzero(value->text, strlen(value->text));
    free(value->text);
    free(value->shown);
    free(value->where);
    *value = (struct setting_value){0};
}

void settings_builder_free(struct settings_builder *builder)
{
    if (!builder)
        return;
    for (unsigned i = 0; i < SETTINGS_COUNT; i++) {
        value_done(&builder->values[i]);
        value_done(&builder->files[i]);
    }
    free(builder);
}

int settings_set(struct settings_builder *builder, const char *name, struct bytes value,
                 enum setting_source source, const char *where)
{
    struct setting_value *place, fresh = {.source = source};
    bool file;
    int index = setting_find_named(name, &file);

    if (index < 0)
        return setting_is_later(name) ? MCP_AUTH_E_UNSUPPORTED : MCP_AUTH_E_NOT_FOUND;
    if (value.size > SETTING_SIZE_MAX)
        return MCP_AUTH_E_TOO_BIG;
    if (value.size && memchr(value.data, '\0', value.size))
        return MCP_AUTH_E_INVALID;
    value = setting_trim(value);
    if (value.size == 0 && (file || !setting_rules[index].empty_counts))
        return 0;
    place = file ? &builder->files[index] : &builder->values[index];
    if (place->text && source < place->source)
        return 0;

    fresh.text = strndup(value.data ? value.data : "", value.size);
    fresh.where = where ? strdup(where) : NULL;
    if (!file && setting_rules[index].type == SETTING_URL)
        fresh.shown = setting_url_shown(value);
    if (!fresh.text || (where && !fresh.where) ||
        (!file && setting_rules[index].type == SETTING_URL && !fresh.shown)) {
        value_done(&fresh);
        return MCP_AUTH_E_NOMEM;
    }
    value_done(place);
    *place = fresh;
    return 0;
}

int settings_set_dev(struct settings_builder *builder)
{
    int secret = setting_find(BYTES("MCP_AUTH_JWT_SECRET"));
    int public_key = setting_find(BYTES("MCP_AUTH_JWT_PUBLIC_KEY_FILE"));
    int jwks = setting_find(BYTES("MCP_AUTH_JWKS_FILE"));
    int address = setting_find(BYTES("MCP_AUTH_JWKS_URL"));
    unsigned char random[32];
    char text[BASE64URL_SIZE(sizeof random)];
    int r;

    assert(secret >= 0 && public_key >= 0 && jwks >= 0 && address >= 0);
    builder->dev = true;
    if (builder->values[secret].text || builder->files[secret].text ||
        builder->values[public_key].text || builder->values[jwks].text ||
        builder->values[address].text)
        return 0;
    random_kernel.fill(random_kernel.owner, random, sizeof random);
    base64url_encode(random, sizeof random, text);
    r = settings_set(builder, "MCP_AUTH_JWT_SECRET", (struct bytes){text, sizeof text},
                     SOURCE_DEFAULT, "made for this run");
    builder->secret_made = r == 0;
    explicit_bzero(random, sizeof random);
    explicit_bzero(text, sizeof text);
    return r;
}

unsigned settings_count(void)
{
    return SETTINGS_COUNT;
}

void settings_info(const struct settings_builder *builder, unsigned index, struct setting_info *ret)
{
    const struct setting_rule *rule = &setting_rules[index];
    const struct setting_value *value;

    assert(index < SETTINGS_COUNT);
    value = &builder->values[index];
    if (builder->files[index].text &&
        (!value->text || builder->files[index].source > value->source))
        value = &builder->files[index];
    *ret = (struct setting_info){
        .name = rule->name,
        .flag = rule->flag,
        .help = rule->help,
        .range = builder->ranges[index],
        .default_text = rule->default_text,
        .secret = rule->secret,
        .source = value->text ? value->source : SOURCE_DEFAULT,
        .where = value->where,
    };
    if (value->shown)
        ret->value = bytes_of(value->shown);
    else if (rule->secret)
        ret->value = value->text ? BYTES("(set)") : BYTES("");
    else
        ret->value = bytes_of(value->text ? value->text : rule->default_text);
}

/* Levenshtein's distance, with one row; both texts are at most NEAR_SIZE_MAX bytes. */
#define NEAR_SIZE_MAX 64u
static unsigned distance(struct bytes a, struct bytes b)
{
    unsigned row[NEAR_SIZE_MAX + 1];

    assert(a.size <= NEAR_SIZE_MAX && b.size <= NEAR_SIZE_MAX);
    for (unsigned j = 0; j <= b.size; j++)
        row[j] = j;
    for (size_t i = 0; i < a.size; i++) {
        unsigned corner = row[0];

        row[0] = (unsigned)i + 1;
        for (size_t j = 0; j < b.size; j++) {
            unsigned best = corner + (a.data[i] != b.data[j]);

            corner = row[j + 1];
            if (corner + 1 < best)
                best = corner + 1;
            if (row[j] + 1 < best)
                best = row[j] + 1;
            row[j + 1] = best;
        }
    }
    return row[b.size];
}

/* More than this many edits away is another word, not a slip. */
#define NEAR_EDITS_MAX 4u

const char *settings_suggestion(const char *name)
{
    struct bytes text = bytes_of(name);
    unsigned best = NEAR_EDITS_MAX + 1;
    const char *found = NULL;

    if (text.size > NEAR_SIZE_MAX)
        return NULL;
    for (unsigned i = 0; i < SETTINGS_COUNT; i++) {
        const char *known = name[0] == '-' ? setting_rules[i].flag : setting_rules[i].name;
        unsigned edits = distance(text, bytes_of(known));

        if (edits < best) {
            best = edits;
            found = known;
        }
    }
    return found;
}
