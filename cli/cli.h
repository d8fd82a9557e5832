/* SPDX-License-Identifier: Apache-2.0 */
/* cli.h: what the commands of the program share: flags, settings, words for people, calls. */
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/strbuf.h"
#include "mcp_auth/http.h"
#include "mcp_auth/options.h"

/* The exit status of every command. */
enum { STATUS_OK = 0, STATUS_FAILURE = 1, STATUS_USAGE = 2 };

/* The words behind the command's name, read one by one: --flag VALUE, --flag=VALUE, or a word. */
struct args {
    char **words; /* NULL-terminated */
    const char *command;
    char flag[64];            /* "--listen", without its value */
    const char *inline_value; /* behind '=', or NULL */
};

enum arg { ARG_END, ARG_FLAG, ARG_WORD, ARG_BAD };

/* args.c. ARG_BAD: what was wrong has been said. `--` ends the flags; a lone `-` is a word. */
enum arg args_next(struct args *args, const char **ret_word);
/* The value of the flag just read, or NULL after saying that there is none. */
const char *args_value(struct args *args);
/* For a flag without value: false after saying that it takes none. */
bool args_no_value(struct args *args);
MUST_CHECK int args_unknown(struct args *args); /* says so, with a hint; STATUS_USAGE */
/* A whole number of min..max out of a flag's value; false after saying what is allowed. */
bool args_number(struct args *args, long min, long max, long *ret);

/* style.c */
enum style { STYLE_NONE, STYLE_BOLD, STYLE_DIM, STYLE_RED, STYLE_GREEN, STYLE_YELLOW };
void style_init(void);
const char *style_on(FILE *to, enum style style); /* "" where colours do not belong */
const char *style_off(FILE *to);
/* "mcp-auth serve: words" on standard error. */
void say_error(const char *command, const char *format, ...) PRINTF_LIKE(2, 3);
void say_note(const char *format, ...) PRINTF_LIKE(1, 2); /* also standard error, dimmed */
/* Text of --help; lines that end in ':' and begin at the margin are headings. */
void print_help(const char *text);
/* Bytes from outside, for a terminal: control characters become '?'. */
void print_clean(FILE *to, struct bytes text);
/* Ends a command: a full disk or a closed pipe behind standard output is a failure. */
MUST_CHECK int finish_output(const char *command, int status);

/* cli_settings.c: settings as flags, in the environment and in files. */
struct cli_settings {
    mcp_auth_options *options;
    const char *command;
    const char *files[16];
    unsigned files_count, problems;
    bool to_log; /* problems are for the log of a server that runs */
};
MUST_CHECK int cli_settings_init(struct cli_settings *settings, const char *command);
void cli_settings_done(struct cli_settings *settings);
/* Is the flag just read a setting, or --env-file? 1 taken, 0 not one, negative: said what is wrong. */
MUST_CHECK int cli_settings_flag(struct cli_settings *settings, struct args *args);
/* Environment and files; problems are said and counted. */
void cli_settings_load(struct cli_settings *settings);
void cli_settings_problem(void *owner, const char *text); /* owner: struct cli_settings */
void print_settings_help(void);

/* json_text.c: the little JSON a client needs, without a parser. */
void json_text_put(struct strbuf *out, struct bytes text);
/* Walks the members of an object or the items of an array: start with the whole text in *rest.
 * Keys are as written, without quotes; absent in arrays. False at the end or at what is no JSON. */
bool json_text_next(struct bytes *rest, struct bytes *ret_key, struct bytes *ret_value);
/* The value of a member; "error.message" looks inside. False when there is none. */
bool json_text_find(struct bytes object, const char *path, struct bytes *ret_value);
/* A string value's characters appended; other values as written. */
void json_text_decode(struct bytes value, struct strbuf *out);

/* call.c: the server to talk to. */
struct call {
    const char *command, *url, *token, *token_file;
    char *token_text; /* out of the file; yours by call_done */
    mcp_auth_http *http;
};
#define CALL_DEFAULT_URL "http://localhost:8000"
void call_init(struct call *call, const char *command);
/* --url, --token, --token-file: 1 taken, 0 another flag, negative: said what is wrong. */
MUST_CHECK int call_flag(struct call *call, struct args *args);
/* Fills in url and token by MCP_AUTH_URL, the file and MCP_AUTH_TOKEN. A status. */
MUST_CHECK int call_resolve(struct call *call, bool token_needed);
/* Reads --token-file again, into call->token: somebody may have renewed it. A status. */
MUST_CHECK int call_token_again(struct call *call);
/* Opens with MCP_AUTH_URL and MCP_AUTH_TOKEN where no flag said otherwise. A status. */
MUST_CHECK int call_open(struct call *call, bool token_needed);
void call_done(struct call *call);
/* Says what an answer that is no success means, and what to do. */
void call_explain(const struct call *call, const mcp_auth_http_answer *answer);

/* One file each: cmd_NAME.c. */
int cmd_serve(struct args *args);
int cmd_publish(struct args *args);
int cmd_tail(struct args *args);
int cmd_token(struct args *args);
int cmd_stats(struct args *args);
int cmd_bench(struct args *args);
int cmd_config(struct args *args);
int cmd_version(struct args *args);

#endif
