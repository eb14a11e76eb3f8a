/* cmocka with the headers it needs before it. */
#ifndef STATED_TESTS_TEST_H
#define STATED_TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
