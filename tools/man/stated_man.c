/* Prints stated(8), from the table that the options are read with. */
#include "man/roff.h"

#include "option_settings.h"

#include <ctype.h>
#include <stdio.h>

static const char description[] =
    "stated keeps a state: keys and values, any bytes. Many processes read and write it over "
    "unix sockets and TCP; statectl(1) is one of them. Every request gets a ticket, requests take "
    "effect in the order of their tickets, a write that was acknowledged is on disk, and what is "
    "too much is refused early instead of queued for ever.\n\n"
    "It serves until SIGINT or SIGTERM, which answer the calls in flight first; a second signal "
    "stops it at once. Its log goes to standard error.\n";

static const char configuration[] =
    "Every option but --config is also a key of the config file and a variable of the "
    "environment. A flag beats the variable, which beats the file, which beats the default. The "
    "file has one \"name = value\" a line; a key that is not known is an error that names the "
    "line. Endpoints of STATED_LISTEN are separated by commas.\n\n"
    "  # /etc/stated.conf\n"
    "  listen = ipc:///run/stated/stated.sock\n"
    "  listen = tcp://127.0.0.1:7420\n"
    "  workers = 8\n";

static const char security[] =
    "There is neither encryption nor authentication: listen on loopback, or on a unix socket whose "
    "directory only those can reach who may change the state.\n";

static const char exit_status[] = "  0  stopped by a signal\n"
                                  "  1  could not start, or could not go on\n"
                                  "  2  wrong usage\n";

static const char files[] =
    "  /var/lib/stated, /run/stated/stated.sock  data and endpoint of root\n"
    "  $XDG_STATE_HOME/stated, $XDG_RUNTIME_DIR/stated/stated.sock\n"
    "                                            data and endpoint of others\n";

static const char examples[] = "  stated --listen tcp://127.0.0.1:7420 --data-dir /tmp/state\n"
                               "  STATED_WORKERS=8 stated --config /etc/stated.conf\n";

static void put_variables(void)
{
    for (int i = 0; i < N_KEYS; i++) {
        fputs("STATED_", stdout);
        for (const char *c = option_kinds[i].name; *c != '\0'; c++) {
            putchar(*c == '-' ? '_' : toupper((unsigned char)*c));
        }
        puts(i + 1 < N_KEYS ? "," : "");
    }
}

int main(void)
{
    roff_title("stated", 8);
    roff_section("NAME");
    puts("stated \\- keep a state that many processes read and write in one order");
    roff_section("SYNOPSIS");
    puts("\\fBstated\\fR [\\fIOPTION\\fR...]");
    roff_section("DESCRIPTION");
    roff_paragraphs(description);
    roff_section("OPTIONS");
    roff_option(0, "config", "FILE", "Read options from FILE, one \"name = value\" a line");
    for (int i = 0; i < N_KEYS; i++) {
        roff_option(0, option_kinds[i].name, option_kinds[i].value_name, option_kinds[i].help);
    }
    roff_option('?', "help", NULL, "Print a help list");
    roff_option(0, "usage", NULL, "Print a short usage message");
    roff_option('V', "version", NULL, "Print the version");
    roff_section("CONFIGURATION");
    roff_paragraphs(configuration);
    roff_section("ENVIRONMENT");
    put_variables();
    roff_section("EXIT STATUS");
    roff_paragraphs(exit_status);
    roff_section("FILES");
    roff_paragraphs(files);
    roff_section("EXAMPLES");
    roff_paragraphs(examples);
    roff_section("SECURITY");
    roff_paragraphs(security);
    roff_section("SEE ALSO");
    puts("\\fBstatectl\\fR(1)");
    return 0;
}
