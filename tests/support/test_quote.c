// file/quote.h: every byte but 0 is printed and read back; what is no escape is none.
#include "support/file/quote.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *printed(const char *s, size_t n) {
    char *text = NULL;
    size_t bytes;
    FILE *f = open_memstream(&text, &bytes);
    quote_print(f, s, n);
    fclose(f);
    return text;
}

static void every_byte_comes_back(void **state) {
    char all[255];
    for (int i = 0; i < 255; i++) all[i] = (char)(i + 1);
    char *text = printed(all, sizeof all);
    size_t n = strlen(text);
    assert_true(text[0] == '"' && text[n - 1] == '"');
    const char *at = text + 1, *end = text + n - 1;
    for (int i = 0; i < 255; i++) {
        int c = (unsigned char)*at++;
        assert_true(c >= 0x20 && c != 0x7f && c != '"');
        if (c == '\\') c = quote_escape(&at, end);
        assert_int_equal(c, i + 1);
    }
    assert_ptr_equal(at, end);
    free(text);
}

static void spelling(void **state) {
    char *text = printed("a\"b\\\n\t\x01", 7);
    assert_string_equal(text, "\"a\\\"b\\\\\\n\\t\\x01\"");
    free(text);
}

static void no_escapes(void **state) {
    static const char *const none[] = {"", "a", "x", "x1", "xg1", "x1g", "x00", "0", "N"};
    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        const char *at = none[i];
        assert_int_equal(quote_escape(&at, at + strlen(at)), -1);
    }
    const char *at = "xfF!", *end = at + 4;
    assert_int_equal(quote_escape(&at, end), 0xff);
    assert_int_equal(*at, '!');
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_byte_comes_back),
                                       cmocka_unit_test(spelling), cmocka_unit_test(no_escapes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
