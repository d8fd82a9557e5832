/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_command.c: a client's message of any bytes is a command within its ceilings, or refused. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "mcp_auth/error.h"
#include "wire/command.h"
#include "wire/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_accepted(const struct command *command)
{
    const struct filter *filter = command->filter;
    struct strbuf out;
    json_t *back;
    int r;

    assert(!filter || filter->resources_count <= FILTER_RESOURCES_MAX);
    assert(!filter || command->has_subscribe);
    assert(!bytes_present(command->token) || command->type == COMMAND_AUTH);
    assert(!command->ping_id || command->type == COMMAND_PING);

    /* What we answer is JSON, whatever was asked. */
    strbuf_init(&out, 1 << 20);
    if (command->type == COMMAND_PING)
        reply_pong(&out, command->ping_id);
    else
        reply_subscribed(&out, filter);
    assert(!out.error);
    r = json_read(strbuf_bytes(&out), &back, NULL);
    assert(r == 0);
    json_decref(back);
    strbuf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct command command;
    struct command_problem problem;
    int r;

    if (size > MESSAGE_FROM_CLIENT_SIZE_MAX) /* the hub has closed before */
        return 0;
    r = command_read((struct bytes){(const char *)data, size}, &command, &problem);
    if (r == 0) {
        check_accepted(&command);
        command_done(&command);
    } else {
        assert(r == MCP_AUTH_E_INVALID);
        assert(problem.reason[0] != '\0' && strlen(problem.reason) < sizeof problem.reason);
    }
    return 0;
}
