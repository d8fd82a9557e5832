/* SPDX-License-Identifier: Apache-2.0 */
/* unit.h: a unit test is a sentence; it registers itself and runs under cmocka. */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct unit_test {
    const char *file, *name;
    void (*run)(void **state);
    struct unit_test *next;
};

void unit_register(struct unit_test *test);

/* TEST(a_header_may_arrive_in_any_two_pieces) { ... } */
#define TEST(sentence)                                                               \
    static void sentence(void **state);                                              \
    static struct unit_test sentence##_test = {__FILE__, #sentence, sentence, NULL}; \
    __attribute__((constructor)) static void sentence##_registers(void)              \
    {                                                                                \
        unit_register(&sentence##_test);                                             \
    }                                                                                \
    static void sentence(void **state __attribute__((unused)))

#define CHECK(condition) assert_true(condition)
#define CHECK_EQ(a, b) assert_int_equal((intmax_t)(a), (intmax_t)(b))
#define CHECK_TEXT(bytes_value, literal)                                \
    do {                                                                \
        struct bytes check_ = (bytes_value);                            \
        assert_int_equal(check_.size, sizeof(literal) - 1);             \
        assert_memory_equal(check_.data, literal, sizeof(literal) - 1); \
    } while (0)

#endif
