/* Prints statectl(1), from the descriptions that help and completion are made from. */
#include "man/roff.h"
#include "statectl/commands.h"
#include "statectl/usage.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>

static const char description[] =
    "statectl reads and changes the state that a stated(8) server keeps: keys and values, any "
    "bytes. Each run makes one connection, does what the command says, and ends.\n\n"
    "On a terminal, output is a table with colours, and shows bytes that are no text as \\xNN. "
    "Elsewhere it is what another program reads best, and stays the same from version to version: "
    "the value as it is for get, JSON lines for ls. In JSON, bytes that are not UTF-8 stand in "
    "base64 under the member's name with _base64 behind it. With -o json or jsonl, what goes wrong "
    "is said in JSON too, one object a line on standard error: {\"error\":{\"message\":...}}, with "
    "\"exit\" when it settles the exit status, and \"code\" for a call that failed.\n\n"
    "Without a command, on a terminal, statectl is interactive; see shell below.\n";

static const char environment[] =
    "STATECTL_ENDPOINT, STATECTL_OUTPUT, STATECTL_TIMEOUT and STATECTL_COLOR stand for the options "
    "of these names, which win. NO_COLOR, when it is not empty, turns colours off, as does TERM "
    "when it is dumb. XDG_RUNTIME_DIR says where the default endpoint is, XDG_STATE_HOME where the "
    "history of the interactive mode is.\n";

static const char exit_status[] =
    "  0     done\n"
    "  1     the answer is no: no such key, a guard did not hold, the order was broken, the\n"
    "        server is not serving\n"
    "  2     wrong usage, or a file that cannot be used\n"
    "  64+N  a call failed with the status code N: 67 invalid argument, 68 deadline exceeded,\n"
    "        72 overloaded, 73 failed precondition, 78 unavailable\n"
    "  130   interrupted; 141 the output was closed\n";

static const char files[] =
    "  ipc:///run/stated/stated.sock             the default endpoint of root\n"
    "  ipc://$XDG_RUNTIME_DIR/stated/stated.sock  that of others\n"
    "  $XDG_STATE_HOME/statectl/history          lines of the interactive mode\n"
    "  ~/.editrc                                 its keys, see editrc(5)\n";

static void put_option(const struct argp_option *option)
{
    bool has_letter = option->key > ' ' && option->key < 0x7f;
    roff_option(has_letter ? (char)option->key : 0, option->name, option->arg, option->doc);
}

static void put_command(const struct command *command)
{
    const struct argp_option *option;
    roff_subsection(command->name);
    fputs("\\fBstatectl ", stdout);
    roff_text(command->name);
    fputs("\\fR", stdout);
    if (command->options != NULL) {
        fputs(" [\\fIOPTION\\fR...]", stdout);
    }
    if (command->arguments[0] != '\0') {
        putchar(' ');
        roff_text(command->arguments);
    }
    fputs("\n.PP\n", stdout);
    putchar(toupper((unsigned char)command->summary[0]));
    roff_text(command->summary + 1);
    fputs(".\n", stdout);
    roff_paragraphs(command->help);
    for (size_t i = 0; (option = usage_option_at(command, i)) != NULL; i++) {
        if (!usage_is_global(option)) {
            put_option(option);
        }
    }
}

int main(void)
{
    const struct command *command;
    const struct argp_option *option;
    roff_title("statectl", 1);
    roff_section("NAME");
    puts("statectl \\- read and change the state that a stated server keeps");
    roff_section("SYNOPSIS");
    puts("\\fBstatectl\\fR [\\fIOPTION\\fR...] \\fICOMMAND\\fR [\\fIARGUMENT\\fR...]\n.br\n"
         "\\fBstatectl\\fR [\\fIOPTION\\fR...]");
    roff_section("DESCRIPTION");
    roff_paragraphs(description);
    roff_section("OPTIONS");
    puts("Before the command or behind it:");
    for (size_t i = 0; (option = usage_option_at(NULL, i)) != NULL; i++) {
        put_option(option);
    }
    roff_option('?', "help", NULL, "Print a help list; statectl COMMAND --help that of a command");
    roff_option(0, "usage", NULL, "Print a short usage message");
    roff_option('V', "version", NULL, "Print the version of statectl");
    roff_section("COMMANDS");
    for (size_t i = 0; (command = commands_at(i)) != NULL; i++) {
        put_command(command);
    }
    roff_section("ENVIRONMENT");
    roff_paragraphs(environment);
    roff_section("EXIT STATUS");
    roff_paragraphs(exit_status);
    roff_section("FILES");
    roff_paragraphs(files);
    roff_section("SEE ALSO");
    puts("\\fBstated\\fR(8), \\fBeditrc\\fR(5)");
    return 0;
}
