#include "man/roff.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* A paragraph behind a heading needs no macro. */
static bool is_behind_heading;

void roff_title(const char *name, int section)
{
    fputs(".TH ", stdout);
    for (const char *at = name; *at != '\0'; at++) {
        putchar(toupper((unsigned char)*at));
    }
    printf(" %d \"\" \"stated %s\" \"stated\"\n.nh\n.ad l\n", section, STATED_VERSION);
}

void roff_section(const char *title)
{
    printf(".SH %s\n", title);
    is_behind_heading = true;
}

void roff_subsection(const char *title)
{
    fputs(".SS \"", stdout);
    roff_text(title);
    fputs("\"\n", stdout);
}

static void put(char c)
{
    switch (c) {
    case '\\':
        fputs("\\e", stdout);
        break;
    case '-':
        fputs("\\-", stdout);
        break;
    case '"':
        fputs("\\(dq", stdout);
        break;
    case '\'':
        fputs("\\(aq", stdout);
        break;
    case '`':
        fputs("\\(ga", stdout);
        break;
    case '^':
        fputs("\\(ha", stdout);
        break;
    case '~':
        fputs("\\(ti", stdout);
        break;
    default:
        putchar(c);
        break;
    }
}

static void put_line(const char *line, size_t length)
{
    if (length > 0 && line[0] == '.') {
        fputs("\\&", stdout);
    }
    for (size_t i = 0; i < length; i++) {
        put(line[i]);
    }
}

void roff_text(const char *text)
{
    put_line(text, strlen(text));
}

void roff_paragraphs(const char *text)
{
    bool is_verbatim = false;
    bool is_new = true; /* the next line starts a paragraph */
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        bool is_kept = text[0] == ' ';
        if (is_verbatim && !is_kept) {
            fputs(".EE\n", stdout);
            is_new = true;
        }
        if (length > 0 && is_new && !is_behind_heading && (!is_kept || !is_verbatim)) {
            fputs(".PP\n", stdout);
        }
        is_behind_heading = false;
        if (is_kept && !is_verbatim) {
            fputs(".EX\n", stdout);
        }
        is_verbatim = is_kept;
        is_new = length == 0;
        if (length > 0) {
            put_line(text, length);
            putchar('\n');
        }
        text += length + (text[length] == '\n');
    }
    if (is_verbatim) {
        fputs(".EE\n", stdout);
    }
}

void roff_option(char letter, const char *name, const char *takes, const char *meaning)
{
    fputs(".TP\n", stdout);
    if (letter != 0) {
        printf("\\fB\\-%c\\fR, ", letter);
    }
    fputs("\\fB\\-\\-", stdout);
    roff_text(name);
    fputs("\\fR", stdout);
    if (takes != NULL) {
        fputs("=\\fI", stdout);
        roff_text(takes);
        fputs("\\fR", stdout);
    }
    putchar('\n');
    roff_text(meaning);
    fputs(".\n", stdout);
}
