/* SPDX-License-Identifier: Apache-2.0 */
/* style.c: how the program speaks to people: colours on terminals only, errors that name the command. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

static bool colours_out, colours_error;

/* Colours only where somebody looks: a terminal that can, and no NO_COLOR (no-color.org). */
void style_init(void)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    bool wanted = !(no && *no) && !(term && strcmp(term, "dumb") == 0);

    colours_out = wanted && isatty(STDOUT_FILENO);
    colours_error = wanted && isatty(STDERR_FILENO);
}

const char *style_on(FILE *to, enum style style)
{
    static const char *const codes[] = {
        [STYLE_NONE] = "",        [STYLE_BOLD] = "\033[1m",   [STYLE_DIM] = "\033[2m",
        [STYLE_RED] = "\033[31m", [STYLE_GREEN] = "\033[32m", [STYLE_YELLOW] = "\033[33m",
    };

    return (to == stderr ? colours_error : colours_out) ? codes[style] : "";
}

const char *style_off(FILE *to)
{
    return (to == stderr ? colours_error : colours_out) ? "\033[0m" : "";
}

void print_clean(FILE *to, struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        /* C1 controls are two bytes in UTF-8: 0xc2 and 0x80..0x9f. */
        bool c1 = c == 0xc2 && i + 1 < text.size && (unsigned char)text.data[i + 1] < 0xa0;

        if (c1)
            i++;
        fputc(c < 0x20 || c == 0x7f || c1 ? '?' : c, to);
    }
}

void say_error(const char *command, const char *format, ...)
{
    char words[8192];
    va_list list;

    va_start(list, format);
    vsnprintf(words, sizeof words, format, list);
    va_end(list);
    fflush(stdout);
    fprintf(stderr, "%smcp-auth%s%s:%s ", style_on(stderr, STYLE_RED), *command ? " " : "", command,
            style_off(stderr));
    print_clean(stderr, bytes_of(words));
    fputc('\n', stderr);
}

void say_note(const char *format, ...)
{
    char words[4096];
    va_list list;

    va_start(list, format);
    vsnprintf(words, sizeof words, format, list);
    va_end(list);
    fputs(style_on(stderr, STYLE_DIM), stderr);
    print_clean(stderr, bytes_of(words));
    fprintf(stderr, "%s\n", style_off(stderr));
}

void print_help(const char *text)
{
    while (*text) {
        size_t size = strcspn(text, "\n");
        bool heading = size && text[0] != ' ' && text[size - 1] == ':';

        printf("%s%.*s%s\n", heading ? style_on(stdout, STYLE_BOLD) : "", (int)size, text,
               heading ? style_off(stdout) : "");
        text += size + (text[size] == '\n');
    }
}

int finish_output(const char *command, int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    if (errno != EPIPE) /* whoever read us has seen enough: nothing to say */
        say_error(command, "cannot write: %s", strerror(errno));
    return STATUS_FAILURE;
}
