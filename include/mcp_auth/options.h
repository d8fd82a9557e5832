/* SPDX-License-Identifier: Apache-2.0 */
/* options.h: the settings of a server, collected from flags, environment and files. */
#ifndef MCP_AUTH_OPTIONS_H
#define MCP_AUTH_OPTIONS_H

#include <stddef.h>

#include "mcp_auth/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mcp_auth_options mcp_auth_options;

/* Told about one problem, in words for the operator, without a line end. `text` is borrowed. */
typedef void (*mcp_auth_problem_fn)(void *owner, const char *text);

enum mcp_auth_source {
    MCP_AUTH_SOURCE_DEFAULT,
    MCP_AUTH_SOURCE_FILE,
    MCP_AUTH_SOURCE_ENVIRONMENT,
    MCP_AUTH_SOURCE_FLAG
};

/* One setting as it stands. All text is borrowed until the next call with these options. */
typedef struct mcp_auth_option_info {
    const char *name, *flag, *help, *range, *default_text;
    const char *value; /* "(set)" for a secret that is set */
    const char *where; /* "FILE:LINE", or NULL */
    enum mcp_auth_source source;
    int secret;
} mcp_auth_option_info;

/* Ownership  *ret is yours: mcp_auth_options_free.
 * Thread     one at a time.
 * Errors     MCP_AUTH_E_NOMEM. */
MCP_AUTH_API MCP_AUTH_MUST_CHECK int mcp_auth_options_new(mcp_auth_options **ret);
MCP_AUTH_API void mcp_auth_options_free(mcp_auth_options *options); /* NULL is fine */

/* Sets one by its name ("MCP_AUTH_LISTEN") or flag ("--listen"), as the strongest source.
 * Errors     MCP_AUTH_E_NOT_FOUND, MCP_AUTH_E_NOMEM. The value is checked by _check. */
MCP_AUTH_API MCP_AUTH_MUST_CHECK int mcp_auth_options_set(mcp_auth_options *options,
                                                          const char *name, const char *value);
/* Errors     MCP_AUTH_E_INVALID or _IO after telling `problem` about each. */
MCP_AUTH_API MCP_AUTH_MUST_CHECK int mcp_auth_options_load_file(mcp_auth_options *options,
                                                                const char *path,
                                                                mcp_auth_problem_fn problem,
                                                                void *owner);
MCP_AUTH_API MCP_AUTH_MUST_CHECK int mcp_auth_options_load_environment(mcp_auth_options *options,
                                                                       char *const *environment,
                                                                       mcp_auth_problem_fn problem,
                                                                       void *owner);
/* Says all that is wrong. `for_server`: also that a key is there. MCP_AUTH_E_INVALID if anything. */
MCP_AUTH_API MCP_AUTH_MUST_CHECK int mcp_auth_options_check(mcp_auth_options *options,
                                                            int for_server,
                                                            mcp_auth_problem_fn problem,
                                                            void *owner);
/* For a development server: a throw-away secret when no key is set, loopback only, foreign Host
 * headers refused. */
MCP_AUTH_API MCP_AUTH_MUST_CHECK int mcp_auth_options_dev(mcp_auth_options *options);
MCP_AUTH_API size_t mcp_auth_options_count(void);
MCP_AUTH_API void mcp_auth_options_info(const mcp_auth_options *options, size_t index,
                                        mcp_auth_option_info *ret);

#ifdef __cplusplus
}
#endif
#endif
