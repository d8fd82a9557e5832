/* SPDX-License-Identifier: Apache-2.0 */
/* settings_table.h: one row for each setting, and the collected values; private to settings*.c. */
#ifndef NODE_SETTINGS_TABLE_H
#define NODE_SETTINGS_TABLE_H

#include "node/settings.h"

enum setting_type {
    SETTING_NUMBER,     /* a whole number */
    SETTING_SECONDS,    /* kept in milliseconds; fractions down to one */
    SETTING_TEXT,       /* min..max bytes */
    SETTING_LIST,       /* texts with commas between; min..max bytes each */
    SETTING_CHOICE,     /* one of the words of `choices`; kept as its place among them */
    SETTING_ALGORITHMS, /* names of signature algorithms, kept as bits */
    SETTING_URL,        /* a text of which user and password are not printed */
};

/* Says what is wrong with one text, or NULL. */
typedef const char *(*setting_check)(struct bytes text);

struct setting_rule {
    const char *name, *flag;
    enum setting_type type;
    const char *default_text; /* parsed like any value; "" for none */
    int64_t min, max;         /* of a number, of milliseconds, or of the size of a text */
    const char *unit;         /* "seconds", or what the text is */
    const char *choices;      /* "full|id|none" */
    setting_check check;      /* of each text, beyond its size */
    bool secret;              /* never printed; may also come as NAME_FILE */
    bool empty_counts;        /* an empty value is refused instead of taken as none */
    size_t offset, size;      /* where it goes in struct settings */
    const char *help;
};

/* Rows with a name of their own in code. The order of the table is that of the protocol's page. */
extern const struct setting_rule setting_rules[];
#define SETTINGS_COUNT 47u
int setting_find(struct bytes name);                      /* an index, or MCP_AUTH_E_NOT_FOUND */
int setting_find_named(const char *name, bool *ret_file); /* also by flag, NAME_FILE, --flag-file */
bool setting_is_later(const char *name);                  /* of a version that is still to come */

/* Largest value of any one setting, and of a file of a secret. */
#define SETTING_SIZE_MAX (64u * 1024u)
#define SETTING_RANGE_SIZE 128u

struct setting_value {
    char *text;  /* NUL-terminated; NULL: not set */
    char *shown; /* of an address: without user and password; else NULL */
    char *where; /* "file.env:3", or NULL */
    enum setting_source source;
};

struct settings_builder {
    bool dev, secret_made;
    struct setting_value values[SETTINGS_COUNT];
    struct setting_value files[SETTINGS_COUNT]; /* NAME_FILE, of secrets */
    char ranges[SETTINGS_COUNT][SETTING_RANGE_SIZE];
};

/* settings_parse.c */
struct bytes setting_trim(struct bytes raw); /* white space, one pair of quotes, "  # comment" */
MUST_CHECK int setting_number(struct bytes text, unsigned decimals, int64_t *ret);
void setting_range(const struct setting_rule *rule, char ret[SETTING_RANGE_SIZE]);
/* An address as it may be shown, without user and password. Yours; NULL: no memory. */
char *setting_url_shown(struct bytes url);
/* Parses `text` into its place. MCP_AUTH_E_INVALID with *ret_why (NULL: the range says it all). */
MUST_CHECK int setting_store(const struct setting_rule *rule, struct bytes text,
                             struct settings *settings, const char **ret_why);
const char *setting_check_address(struct bytes text);
const char *setting_check_loopback(
    struct bytes address); /* of one that setting_check_address took */
const char *setting_check_claim(struct bytes text);
const char *setting_check_origin(struct bytes text);
const char *setting_check_key(struct bytes text);
const char *setting_check_redact(struct bytes text);
const char *setting_check_plain(struct bytes text);
const char *setting_check_prefix(struct bytes text);

/* settings_lists.c */
MUST_CHECK int text_copy(struct bytes text, struct bytes *ret); /* NUL-terminated; yours */
void text_wipe(struct bytes *text);
/* Splits at commas; white space around an item and empty items are left out. */
MUST_CHECK int text_list_split(struct bytes text, struct text_list *ret);
void text_list_done(struct text_list *list);

#endif
