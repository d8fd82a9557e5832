/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_version.c: `mcp-auth version`. */
#include <string.h>

#include "cli.h"

int cmd_version(struct args *args)
{
    const char *word;
    enum arg arg = args_next(args, &word);

    if (arg == ARG_BAD)
        return STATUS_USAGE;
    if (arg == ARG_FLAG && strcmp(args->flag, "--help") == 0) {
        print_help("Usage: mcp-auth version\n\nPrints the version of the program and of its "
                   "protocol.\n\nExamples:\n  mcp-auth version\n");
        return finish_output("version", STATUS_OK);
    }
    if (arg != ARG_END) {
        say_error("version", "%s is not wanted: this command takes nothing", word);
        return STATUS_USAGE;
    }
    printf("mcp-auth %s (protocol 1)\n", MCP_AUTH_VERSION);
    return finish_output("version", STATUS_OK);
}
