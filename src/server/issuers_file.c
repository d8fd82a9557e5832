/* SPDX-License-Identifier: Apache-2.0 */
/* issuers_file.c: all issuers of tokens: those of MCP_AUTH_ISSUERS_FILE beside the settings' keys. */
#include "server/issuers_file.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "keys/key_url.h"
#include "mcp_auth/error.h"
#include "model/limits.h"
#include "server/file_text.h"
#include "server/mistake.h"

/* 64 issuers with 1,000 tenants of 16 bytes each are a little more: who has more says "*". */
#define ISSUERS_FILE_SIZE_MAX (1024u * 1024u)

/* A path, and with the folder of the file before it. */
#define FILE_PATH_SIZE_MAX 4096u
#define FILE_PATH_ROOM (2 * FILE_PATH_SIZE_MAX + 1)

/* The members that say where the keys are. */
enum source { SOURCE_JWKS_FILE, SOURCE_PUBLIC_KEY_FILE, SOURCE_JWKS_URL, SOURCES };

/* One issuer on its way in. Items: of the outline; JSON_OUTLINE_NONE: the member is not there. */
struct entry {
    unsigned item, name_item;
    struct issuer issuer;
    struct bytes *tenants; /* ours; what they say is the outline's */
    unsigned algorithms;   /* bits; 0: as the settings say */
    unsigned source_items[SOURCES];
};

struct reading {
    struct document document;
    struct mistakes mistakes;
    const struct settings *settings;
    const struct keys_told *told;
    struct entry entries[ISSUERS_MAX];
    unsigned count;
    int error; /* what is no mistake of the file */
};

static void text_in(struct reading *reading, unsigned item, size_t size_max, struct bytes *ret)
{
    struct document *document = &reading->document;
    struct bytes text;

    if (!document_has_type(document, item, JSON_STRING))
        return;
    text = json_item_text(&document->outline.items[item]);
    for (size_t i = 0; i < text.size; i++) {
        if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f) {
            document_complain(document, item, "holds a control character");
            return;
        }
    }
    if (text.size == 0 || text.size > size_max)
        document_complain(document, item, "must have 1 to %zu bytes", size_max);
    else
        *ret = text;
}

static void name_in(struct reading *reading, unsigned item, struct entry *entry)
{
    struct bytes name = {0};

    entry->name_item = item;
    text_in(reading, item, ISSUER_NAME_SIZE_MAX, &name);
    if (bytes_equal(name, BYTES("*"))) {
        document_complain(&reading->document, item,
                          "must be a name; for tokens of all other issuers are the settings");
        return;
    }
    for (unsigned i = 0; bytes_present(name) && i + 1 < reading->count; i++) {
        const struct entry *other = &reading->entries[i];

        if (bytes_equal(other->issuer.name, name)) {
            document_complain(&reading->document, item, "is here twice; the first is on line %u",
                              reading->document.outline.items[other->name_item].at.line);
            return;
        }
    }
    if (bytes_present(name) && keys_configured(reading->settings) &&
        bytes_equal(name, reading->settings->tokens.issuer))
        document_complain(&reading->document, item,
                          "is MCP_AUTH_TOKEN_ISSUER too; keep one, for an issuer has one set of "
                          "keys");
    entry->issuer.name = name;
}

static void tenant_in(struct reading *reading, unsigned item, struct entry *entry)
{
    struct document *document = &reading->document;
    struct bytes tenant;

    if (!document_has_type(document, item, JSON_STRING))
        return;
    tenant = json_item_text(&document->outline.items[item]);
    if (tenant.size > TENANT_SIZE_MAX) {
        document_complain(document, item, "is longer than %u bytes", TENANT_SIZE_MAX);
        return;
    }
    if (bytes_equal(tenant, BYTES("*"))) {
        document_complain(document, item, "stands by itself when it means any: \"tenants\": \"*\"");
        return;
    }
    for (unsigned i = 0; i < entry->issuer.tenants_count; i++) {
        if (bytes_equal(entry->tenants[i], tenant)) {
            document_complain(document, item, "is in the list already");
            return;
        }
    }
    entry->tenants[entry->issuer.tenants_count++] = tenant;
}

static void tenants_in(struct reading *reading, unsigned item, struct entry *entry)
{
    struct document *document = &reading->document;
    const struct json_item *items = document->outline.items;
    unsigned count = 0;

    if (bytes_equal(json_item_text(&items[item]), BYTES("*"))) {
        entry->issuer.any_tenant = true;
        return;
    }
    if (items[item].type != JSON_ARRAY) {
        document_complain(document, item, "must be an array of tenants, or \"*\" for any");
        return;
    }
    for (unsigned i = items[item].first; i != JSON_OUTLINE_NONE; i = items[i].next)
        count++;
    if (count == 0 || count > ISSUER_TENANTS_MAX) {
        document_complain(document, item, "must have 1 to %u tenants, or be \"*\" for any",
                          ISSUER_TENANTS_MAX);
        return;
    }
    free(entry->tenants); /* of a member that is here twice, which was complained of */
    entry->issuer.tenants_count = 0;
    entry->tenants = calloc(count, sizeof *entry->tenants);
    if (!entry->tenants) {
        reading->error = MCP_AUTH_E_NOMEM;
        return;
    }
    entry->issuer.tenants = entry->tenants;
    for (unsigned i = items[item].first; i != JSON_OUTLINE_NONE; i = items[i].next)
        tenant_in(reading, i, entry);
}

static void algorithms_in(struct reading *reading, unsigned item, struct entry *entry)
{
    struct document *document = &reading->document;
    const struct json_item *items = document->outline.items;
    unsigned allowed = reading->settings->jwt_algorithms;

    if (!document_has_type(document, item, JSON_ARRAY))
        return;
    if (items[item].first == JSON_OUTLINE_NONE)
        document_complain(document, item, "must name one algorithm or more");
    for (unsigned i = items[item].first; i != JSON_OUTLINE_NONE; i = items[i].next) {
        int algorithm;

        if (!document_has_type(document, i, JSON_STRING))
            continue;
        algorithm = jwt_algorithm_find(json_item_text(&items[i]));
        if (algorithm < 0)
            document_complain(document, i,
                              "must be one of HS256, HS384, HS512, RS256, RS384, "
                              "RS512, PS256, PS384, PS512, ES256, ES384, ES512, "
                              "EdDSA");
        else if (allowed != 0 && !(allowed & BIT(algorithm)))
            document_complain(document, i, "is not among MCP_AUTH_JWT_ALGORITHMS");
        else
            entry->algorithms |= BIT(algorithm);
    }
}

static void url_in(struct reading *reading, unsigned item, struct entry *entry)
{
    const char *why;

    text_in(reading, item, KEY_URL_SIZE_MAX, &entry->issuer.url);
    why = bytes_present(entry->issuer.url) ? key_url_check(entry->issuer.url) : NULL;
    if (why)
        document_complain(&reading->document, item, "%s", why);
}

static void member_in(struct reading *reading, unsigned item, struct entry *entry)
{
    static const struct bytes words[] = {{"issuer", 6},      {"audience", 8},
                                         {"tenants", 7},     {"jwks_file", 9},
                                         {"comment", 7},     {"public_key_file", 15},
                                         {"algorithms", 10}, {"jwks_url", 8}};
    struct document *document = &reading->document;
    struct bytes name = json_item_name(&document->outline.items[item]), path;

    document_check_double(document, item);
    if (bytes_equal(name, BYTES("issuer"))) {
        name_in(reading, item, entry);
    } else if (bytes_equal(name, BYTES("audience"))) {
        text_in(reading, item, ISSUER_NAME_SIZE_MAX, &entry->issuer.audience);
    } else if (bytes_equal(name, BYTES("tenants"))) {
        tenants_in(reading, item, entry);
    } else if (bytes_equal(name, BYTES("algorithms"))) {
        algorithms_in(reading, item, entry);
    } else if (bytes_equal(name, BYTES("jwks_file"))) {
        entry->source_items[SOURCE_JWKS_FILE] = item;
        text_in(reading, item, FILE_PATH_SIZE_MAX, &path);
    } else if (bytes_equal(name, BYTES("public_key_file"))) {
        entry->source_items[SOURCE_PUBLIC_KEY_FILE] = item;
        text_in(reading, item, FILE_PATH_SIZE_MAX, &path);
    } else if (bytes_equal(name, BYTES("jwks_url"))) {
        entry->source_items[SOURCE_JWKS_URL] = item;
        url_in(reading, item, entry);
    } else if (bytes_equal(name, BYTES("comment"))) {
        (void)document_has_type(document, item, JSON_STRING);
    } else {
        document_complain_unknown(document, item, words, ARRAY_COUNT(words));
    }
}

static bool has_member(const struct reading *reading, unsigned item, struct bytes name)
{
    const struct json_item *items = reading->document.outline.items;

    for (unsigned i = items[item].first; i != JSON_OUTLINE_NONE; i = items[i].next)
        if (bytes_equal(json_item_name(&items[i]), name))
            return true;
    return false;
}

/* Nothing is taken for granted: an issuer signs for more than this server, and for more tenants. */
static void check_whole(struct reading *reading, const struct entry *entry)
{
    struct document *document = &reading->document;
    unsigned sources = 0;

    for (unsigned i = 0; i < SOURCES; i++)
        sources += entry->source_items[i] != JSON_OUTLINE_NONE;
    if (!has_member(reading, entry->item, BYTES("issuer")))
        document_complain(document, entry->item, "has no issuer: the iss of its tokens");
    if (!has_member(reading, entry->item, BYTES("audience")))
        document_complain(document, entry->item,
                          "has no audience: what aud must contain; \"*\" is any");
    if (!has_member(reading, entry->item, BYTES("tenants")))
        document_complain(document, entry->item,
                          "has no tenants: those it may speak for; \"*\" is any");
    if (sources != 1)
        document_complain(document, entry->item,
                          "must have one of jwks_file, jwks_url and public_key_file; it has %u",
                          sources);
}

/* A relative path begins where the file is that names it. */
static int full_path(const struct reading *reading, struct bytes path, char ret[FILE_PATH_ROOM])
{
    const char *slash = strrchr(reading->mistakes.path, '/');
    int folder = slash && path.data[0] != '/' ? (int)(slash - reading->mistakes.path) + 1 : 0;
    int size = snprintf(ret, FILE_PATH_ROOM, "%.*s%.*s", folder, reading->mistakes.path,
                        (int)path.size, path.data);

    return size >= 0 && (unsigned)size < FILE_PATH_ROOM ? 0 : MCP_AUTH_E_TOO_BIG;
}

static void keys_in(struct reading *reading, struct entry *entry)
{
    unsigned jwks = entry->source_items[SOURCE_JWKS_FILE];
    unsigned item = jwks != JSON_OUTLINE_NONE ? jwks : entry->source_items[SOURCE_PUBLIC_KEY_FILE];
    struct bytes text = json_item_text(&reading->document.outline.items[item]);
    char path[FILE_PATH_ROOM], place[MISTAKE_PLACE_SIZE];
    int r;

    entry->issuer.algorithms =
        entry->algorithms ? entry->algorithms : reading->settings->jwt_algorithms;
    r = keyring_new(&entry->issuer.keys, entry->issuer.algorithms);
    if (r == 0 && bytes_present(entry->issuer.url))
        return; /* they come later */
    if (r == 0 && full_path(reading, text, path) < 0) {
        document_complain(&reading->document, item, "is too long a path");
        return;
    }
    mistake_place(&reading->mistakes, &reading->document, item, place);
    if (r == 0)
        r = jwks != JSON_OUTLINE_NONE
                ? keys_add_jwks(entry->issuer.keys, place, path, reading->told)
                : keys_add_pem(entry->issuer.keys, place, path, reading->told);
    if (r == MCP_AUTH_E_NOMEM || (r < 0 && reading->error == 0))
        reading->error = r;
}

static void issuer_in(struct reading *reading, unsigned item)
{
    struct document *document = &reading->document;
    const struct json_item *items = document->outline.items;
    unsigned mistakes = document->mistakes;
    struct entry *entry;

    if (reading->count == ISSUERS_MAX) {
        if (items[item].index == ISSUERS_MAX)
            document_complain(document, item, "is one too many: there are at most %u issuers",
                              ISSUERS_MAX);
        return;
    }
    if (!document_has_type(document, item, JSON_OBJECT))
        return;
    entry = &reading->entries[reading->count++];
    *entry = (struct entry){.item = item};
    for (unsigned i = items[item].first; i != JSON_OUTLINE_NONE; i = items[i].next)
        member_in(reading, i, entry);
    check_whole(reading, entry);
    if (document->mistakes == mistakes && reading->error != MCP_AUTH_E_NOMEM)
        keys_in(reading, entry);
}

static void top_member_in(struct reading *reading, unsigned item)
{
    static const struct bytes words[] = {{"issuers", 7}, {"comment", 7}};
    struct document *document = &reading->document;
    const struct json_item *items = document->outline.items;
    struct bytes name = json_item_name(&items[item]);

    document_check_double(document, item);
    if (bytes_equal(name, BYTES("comment"))) {
        (void)document_has_type(document, item, JSON_STRING);
    } else if (!bytes_equal(name, BYTES("issuers"))) {
        document_complain_unknown(document, item, words, ARRAY_COUNT(words));
    } else if (document_has_type(document, item, JSON_ARRAY)) {
        for (unsigned i = items[item].first; i != JSON_OUTLINE_NONE; i = items[i].next)
            issuer_in(reading, i);
        if (items[item].first == JSON_OUTLINE_NONE)
            document_complain(document, item, "must name one issuer or more");
    }
}

static int file_in(struct reading *reading, struct bytes text)
{
    struct document *document = &reading->document;
    const struct json_item *items;
    int r = document_read(document, text, ISSUERS_FILE_SIZE_MAX, mistake_tell, &reading->mistakes);

    if (r < 0)
        return r;
    items = document->outline.items;
    if (document_has_type(document, 0, JSON_OBJECT)) {
        for (unsigned i = items[0].first; i != JSON_OUTLINE_NONE; i = items[i].next)
            top_member_in(reading, i);
        if (!has_member(reading, 0, BYTES("issuers")))
            document_complain(document, 0, "has no issuers");
    }
    return document->mistakes ? MCP_AUTH_E_INVALID : reading->error;
}

static int named_load(struct reading *reading)
{
    struct strbuf text;
    int r = file_text_read(&text, "MCP_AUTH_ISSUERS_FILE", reading->mistakes.path,
                           ISSUERS_FILE_SIZE_MAX, reading->told->problem, reading->told->owner);

    if (r == 0)
        r = file_in(reading, strbuf_bytes(&text));
    strbuf_done(&text);
    return r;
}

static int put_together(const struct reading *reading, struct keyring *rest, struct issuers **ret)
{
    struct issuer named[ISSUERS_MAX];

    for (unsigned i = 0; i < reading->count; i++)
        named[i] = reading->entries[i].issuer;
    return issuers_new(ret, rest, named, reading->count);
}

int issuers_load(const struct settings *settings, const struct keys_told *told,
                 struct issuers **ret)
{
    struct reading *reading = calloc(1, sizeof *reading);
    struct keyring *rest = NULL;
    int r, named = 0;

    if (!reading)
        return MCP_AUTH_E_NOMEM;
    reading->settings = settings;
    reading->told = told;
    reading->mistakes = (struct mistakes){settings->issuers_file.data, told->problem, told->owner};
    r = keys_load(settings, told, &rest);
    if (bytes_present(settings->issuers_file)) /* also after a mistake: all of them are told */
        named = named_load(reading);
    if (r == 0)
        r = named < 0 ? named : put_together(reading, rest, ret);
    for (unsigned i = 0; i < reading->count; i++) {
        keyring_unref(reading->entries[i].issuer.keys);
        free(reading->entries[i].tenants);
    }
    document_done(&reading->document);
    keyring_unref(rest);
    free(reading);
    return r;
}
