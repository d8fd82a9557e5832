/* SPDX-License-Identifier: Apache-2.0 */
/* unit.c: runs every registered test, or those whose name or file contains the argument. */
#include <stdio.h>

#include "unit.h"

static struct unit_test *unit_tests;
static unsigned unit_count;

void unit_register(struct unit_test *test)
{
    test->next = unit_tests;
    unit_tests = test;
    unit_count++;
}

static int by_file(const void *a, const void *b)
{
    const struct unit_test *const *x = a, *const *y = b;

    return strcmp((*x)->file, (*y)->file);
}

int main(int argc, char **argv)
{
    const char *wanted = argc > 1 ? argv[1] : "";
    struct unit_test **sorted = calloc(unit_count + 1, sizeof *sorted);
    struct CMUnitTest *tests = calloc(unit_count + 1, sizeof *tests);
    unsigned count = 0, chosen = 0;
    int failed;

    if (!sorted || !tests)
        return 2;
    for (struct unit_test *t = unit_tests; t; t = t->next)
        sorted[count++] = t;
    qsort(sorted, count, sizeof *sorted, by_file);
    for (unsigned i = 0; i < count; i++) {
        if (!strstr(sorted[i]->name, wanted) && !strstr(sorted[i]->file, wanted))
            continue;
        tests[chosen].name = sorted[i]->name;
        tests[chosen++].test_func = sorted[i]->run;
    }
    if (chosen == 0) {
        fprintf(stderr, "unit: no test matches '%s'\n", wanted);
        return 2;
    }
    failed = _cmocka_run_group_tests("unit", tests, chosen, NULL, NULL);
    printf("%u passed, %d failed\n", chosen - (unsigned)failed, failed);
    free(sorted);
    free(tests);
    return failed ? 1 : 0;
}
