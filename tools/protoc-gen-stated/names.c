#include "names.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

char *names_camel(struct pool *pool, const char *name)
{
    char *result = pool_alloc(pool, strlen(name) + 1);
    char *out = result;
    bool raise = true;
    for (; *name; name++) {
        if (*name != '_') {
            *out++ = raise ? (char)toupper((unsigned char)*name) : *name;
        }
        raise = *name == '_';
    }
    return result;
}

char *names_lower(struct pool *pool, const char *name)
{
    char *result = pool_alloc(pool, 2 * strlen(name) + 1);
    char *out = result;
    bool after_upper = true;
    for (; *name; name++) {
        bool upper = isupper((unsigned char)*name);
        if (upper && !after_upper) {
            *out++ = '_';
        }
        *out++ = (char)tolower((unsigned char)*name);
        after_upper = upper;
    }
    return result;
}

static char *convert_path(struct pool *pool, const char *dotted, const char *separator,
                          char *(*convert)(struct pool *, const char *))
{
    struct text result = {.pool = pool};
    text_add(&result, "%s", "");
    while (*dotted) {
        size_t length = strcspn(dotted, ".");
        char *part = pool_printf(pool, "%.*s", (int)length, dotted);
        text_add(&result, "%s%s", result.length ? separator : "", convert(pool, part));
        dotted += length;
        dotted += *dotted == '.';
    }
    return result.data;
}

char *names_camel_path(struct pool *pool, const char *dotted, const char *separator)
{
    return convert_path(pool, dotted, separator, names_camel);
}

char *names_lower_path(struct pool *pool, const char *dotted, const char *separator)
{
    return convert_path(pool, dotted, separator, names_lower);
}

/* Words that a lower-case name can be, each between two spaces: those of C11, and what C++20 and
   the macros of C's headers add to them. */
static const char c_words[] =
    " auto break case char const continue default do double else enum extern float for "
    "goto if inline int long register restrict return short signed sizeof static struct "
    "switch typedef union unsigned void volatile while ";
static const char cpp_words[] =
    " alignas alignof and and_eq asm bitand bitor bool catch char16_t char32_t char8_t "
    "class co_await co_return co_yield compl concept const_cast consteval constexpr "
    "constinit decltype delete dynamic_cast explicit export false friend mutable namespace "
    "new noexcept not not_eq nullptr operator or or_eq private protected public "
    "reinterpret_cast requires static_assert static_cast template this thread_local throw "
    "true try typeid typename using virtual wchar_t xor xor_eq ";

static bool is_among(struct pool *pool, const char *word_list, const char *name)
{
    return strstr(word_list, pool_printf(pool, " %s ", name)) != NULL;
}

bool names_is_c_word(struct pool *pool, const char *name)
{
    return is_among(pool, c_words, name);
}

char *names_identifier(struct pool *pool, const char *name)
{
    return pool_printf(pool, is_among(pool, cpp_words, name) ? "%s_" : "%s", name);
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

char *names_stem(struct pool *pool, const char *file_name)
{
    size_t ending = ends_with(file_name, ".proto")        ? strlen(".proto")
                    : ends_with(file_name, ".protodevel") ? strlen(".protodevel")
                                                          : 0;
    return pool_printf(pool, "%.*s", (int)(strlen(file_name) - ending), file_name);
}

char *names_guard(struct pool *pool, const char *file_name)
{
    char *result = pool_alloc(pool, 3 * strlen(file_name) + 1);
    char *out = result;
    for (; *file_name; file_name++) {
        unsigned char c = (unsigned char)*file_name;
        if (isalnum(c)) {
            *out++ = (char)c;
        } else {
            out += sprintf(out, "_%02x", (unsigned)c);
        }
    }
    return result;
}
