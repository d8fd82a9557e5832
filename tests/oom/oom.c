/* SPDX-License-Identifier: Apache-2.0 */
/* oom.c: every allocation and every system call of the road fails once; nobody else may notice. */
#include "oom.h"

#include <dirent.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No scenario comes near it; a run that never ends would. */
#define FAILURES_MAX 20000u

static const char *running = "";
static enum inject_call failing;
static unsigned failing_n;
static int failing_error;
static unsigned scenarios;

void oom_fail(const char *format, ...)
{
    va_list arguments;

    inject_disarm();
    va_start(arguments, format);
    fprintf(stderr, "oom: %s, call %d, n %u (%s): ", running, (int)failing, failing_n,
            failing_error ? strerrorname_np(failing_error) : "no memory");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    printf("%u passed, 1 failed\n", scenarios);
    exit(1);
}

static unsigned descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;

    OOM_CHECK(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

void oom_repeat(const char *name, enum inject_call call, int error, void (*run)(void))
{
    unsigned files;
    long live;
    bool reached = true;

    running = name;
    failing = call;
    failing_error = error;
    failing_n = 0;
    run(); /* what libraries keep for good is made now */
    live = inject_live();
    files = descriptors();
    for (failing_n = 1; reached; failing_n++) {
        OOM_CHECK(failing_n < FAILURES_MAX);
        inject_arm(call, failing_n, error);
        run();
        reached = inject_disarm();
        if (inject_live() != live)
            oom_fail("%ld blocks more than before", inject_live() - live);
        if (descriptors() != files)
            oom_fail("%u descriptors, %u before", descriptors(), files);
    }
    scenarios++;
    printf("ok   %-24s %-16s %5u failures\n", name, error ? strerrorname_np(error) : "no memory",
           failing_n - 2);
    fflush(stdout);
}

/* What libraries allocate for us fails as well. zlib and libc stay as they are. */
static void *library_malloc(size_t size)
{
    return malloc(size);
}

static void library_free(void *block)
{
    free(block);
}

/* Before codec/json.c puts its own before it. */
__attribute__((constructor(101))) static void libraries_fail_too(void)
{
    json_set_alloc_funcs(library_malloc, library_free);
}

int main(int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : "";

    if (strstr("core", only))
        core_scenarios();
    if (strstr("hub", only))
        hub_scenarios();
    if (strstr("server", only))
        server_scenarios();
    if (strstr("front", only))
        front_scenarios();
    printf("%lu failures were injected\n", inject_failures);
    printf("%u passed, 0 failed\n", scenarios);
    return 0;
}
