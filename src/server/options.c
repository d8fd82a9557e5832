/* SPDX-License-Identifier: Apache-2.0 */
/* options.c: the public options: collected, checked and listed on the builder of the settings. */
#include "server/options.h"

#include <assert.h>
#include <stdlib.h>

#include "server/load.h"

struct mcp_auth_options {
    struct settings_builder *builder;
};

struct settings_builder *options_builder(mcp_auth_options *options)
{
    assert(options);
    return options->builder;
}

int mcp_auth_options_new(mcp_auth_options **ret)
{
    mcp_auth_options *options = calloc(1, sizeof *options);
    int r;

    assert(ret);
    if (!options)
        return MCP_AUTH_E_NOMEM;
    r = settings_builder_new(&options->builder);
    if (r < 0) {
        free(options);
        return r;
    }
    *ret = options;
    return 0;
}

void mcp_auth_options_free(mcp_auth_options *options)
{
    if (!options)
        return;
    settings_builder_free(options->builder);
    free(options);
}

int mcp_auth_options_set(mcp_auth_options *options, const char *name, const char *value)
{
    assert(options && name && value);
    return settings_set(options->builder, name, bytes_of(value), SOURCE_FLAG, NULL);
}

int mcp_auth_options_load_file(mcp_auth_options *options, const char *path,
                               mcp_auth_problem_fn problem, void *owner)
{
    assert(options && path && problem);
    return settings_load_file(options->builder, path, problem, owner);
}

int mcp_auth_options_load_environment(mcp_auth_options *options, char *const *environment,
                                      mcp_auth_problem_fn problem, void *owner)
{
    assert(options && environment && problem);
    return settings_load_environment(options->builder, environment, problem, owner);
}

int mcp_auth_options_check(mcp_auth_options *options, int for_server, mcp_auth_problem_fn problem,
                           void *owner)
{
    struct load load;
    int r;

    assert(options && problem);
    r = load_read(&load, options->builder, for_server, problem, owner);
    if (r == 0)
        load_done(&load);
    return r;
}

int mcp_auth_options_dev(mcp_auth_options *options)
{
    assert(options);
    return settings_set_dev(options->builder);
}

size_t mcp_auth_options_count(void)
{
    return settings_count();
}

/* The values that are text end with a NUL: they are the builder's own, or literals. */
void mcp_auth_options_info(const mcp_auth_options *options, size_t index, mcp_auth_option_info *ret)
{
    static const enum mcp_auth_source sources[] = {
        [SOURCE_DEFAULT] = MCP_AUTH_SOURCE_DEFAULT,
        [SOURCE_FILE] = MCP_AUTH_SOURCE_FILE,
        [SOURCE_ENVIRONMENT] = MCP_AUTH_SOURCE_ENVIRONMENT,
        [SOURCE_FLAG] = MCP_AUTH_SOURCE_FLAG,
    };
    struct setting_info info;

    assert(options && ret && index < settings_count());
    settings_info(options->builder, (unsigned)index, &info);
    *ret = (mcp_auth_option_info){
        .name = info.name,
        .flag = info.flag,
        .help = info.help,
        .range = info.range,
        .default_text = info.default_text,
        .value = info.value.data,
        .where = info.where,
        .source = sources[info.source],
        .secret = info.secret,
    };
}
