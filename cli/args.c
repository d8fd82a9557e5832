/* SPDX-License-Identifier: Apache-2.0 */
/* args.c: reads flags and words of a command line, the same way for every command. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static int bad_use(const struct args *args, const char *what, const char *why)
{
    say_error(args->command, "%s %s", what, why);
    fprintf(stderr, "Try: mcp-auth %s --help\n", args->command);
    return STATUS_USAGE;
}

enum arg args_next(struct args *args, const char **ret_word)
{
    const char *word = *args->words, *equals;
    size_t size;

    args->inline_value = NULL;
    if (!word)
        return ARG_END;
    args->words++;
    *ret_word = word;
    if (word[0] != '-' || word[1] == '\0')
        return ARG_WORD;
    if (strcmp(word, "-h") == 0)
        word = "--help";
    if (word[1] != '-') {
        bad_use(args, word, "is not a flag; flags are written --name");
        return ARG_BAD;
    }
    if (word[2] == '\0') { /* "--": only words come after it */
        if (!*args->words)
            return ARG_END;
        *ret_word = *args->words++;
        return ARG_WORD;
    }
    equals = strchr(word, '=');
    size = equals ? (size_t)(equals - word) : strlen(word);
    if (size >= sizeof args->flag) {
        bad_use(args, word, "is not a flag");
        return ARG_BAD;
    }
    memcpy(args->flag, word, size);
    args->flag[size] = '\0';
    args->inline_value = equals ? equals + 1 : NULL;
    return ARG_FLAG;
}

const char *args_value(struct args *args)
{
    if (args->inline_value)
        return args->inline_value;
    if (*args->words)
        return *args->words++;
    bad_use(args, args->flag, "needs a value");
    return NULL;
}

bool args_no_value(struct args *args)
{
    if (!args->inline_value)
        return true;
    bad_use(args, args->flag, "takes no value");
    return false;
}

int args_unknown(struct args *args)
{
    return bad_use(args, args->flag, "is not a flag of this command");
}

bool args_number(struct args *args, long min, long max, long *ret)
{
    const char *text = args_value(args);
    char *end, why[96];
    long number;

    if (!text)
        return false;
    errno = 0;
    number = strtol(text, &end, 10);
    if (errno || end == text || *end || number < min || number > max) {
        snprintf(why, sizeof why, "needs a whole number of %ld..%ld", min, max);
        bad_use(args, args->flag, why);
        return false;
    }
    *ret = number;
    return true;
}
