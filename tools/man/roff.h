/* Manual pages in the macros of man(7) (source: groff_man(7), Debian 12), on standard output. */
#ifndef STATED_MAN_ROFF_H
#define STATED_MAN_ROFF_H

/* The heading: name in capitals, section, and what the page belongs to. */
void roff_title(const char *name, int section);

/* A section and a subsection. */
void roff_section(const char *title);
void roff_subsection(const char *title);

/* Text such that each of its characters is shown; no newline at its end. */
void roff_text(const char *text);

/* Paragraphs as a help text has them: set apart by empty lines; lines that begin with a blank stay
   as they are. */
void roff_paragraphs(const char *text);

/* An option with its letter (0 = none), its name, what it takes (NULL = nothing), and its meaning.
 */
void roff_option(char letter, const char *name, const char *takes, const char *meaning);

#endif
