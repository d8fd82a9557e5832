/* SPDX-License-Identifier: Apache-2.0 */
/* file_text.h: a file that a setting names, read whole. */
#ifndef SERVER_FILE_TEXT_H
#define SERVER_FILE_TEXT_H

#include "base/strbuf.h"
#include "node/settings.h"

/* Into *out, which is yours in any case: strbuf_done. MCP_AUTH_E_IO after telling `problem` with
 * the setting's name and the path; MCP_AUTH_E_NOMEM. */
MUST_CHECK int file_text_read(struct strbuf *out, const char *setting, const char *path,
                              size_t size_max, settings_problem problem, void *owner);

#endif
