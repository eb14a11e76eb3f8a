/* The script hands each command's options and arguments to zsh's own _arguments. */
#include "statectl/completion_zsh.h"

#include "statectl/commands.h"
#include "statectl/methods.h"
#include "statectl/usage.h"

#include <stdio.h>
#include <string.h>

static const char head[] =
    "#compdef statectl\n"
    "# Completion of statectl for zsh, written by: statectl completion zsh\n"
    "\n"
    "# The keys that start with what is there: not more, and not longer, than somebody waits for.\n"
    "_statectl_keys() {\n"
    "    local -a server keys\n"
    "    local url=${opt_args[-e]:-${opt_args[--endpoint]}}\n"
    "    [[ -n $url ]] && server=(-e ${(Q)url})\n"
    "    keys=(\"${(@0)$(${~words0} $server --timeout 1000 -o raw ls -0 --keys --committed "
    "--limit 200 -- ${(Q)PREFIX} 2>/dev/null)}\")\n"
    "    compadd -M '' -a -- keys\n"
    "}\n"
    "\n"
    "_statectl_commands() {\n"
    "    local -a commands=(\n";

static const char after_commands[] = "    )\n"
                                     "    _describe command commands\n"
                                     "}\n"
                                     "\n"
                                     "_statectl() {\n"
                                     "    local context state state_descr line words0=$words[1]\n"
                                     "    typeset -A opt_args\n"
                                     "    local -a global=(\n";

static const char after_global[] =
    "    )\n"
    "    _arguments -C -S $global ':command:_statectl_commands' '*:: :->rest' && return\n"
    "    [[ $state == rest ]] || return\n"
    "    case $words[1] in\n"
    "        help) _arguments ':command:_statectl_commands' ;;\n";

static const char tail[] = "    esac\n"
                           "}\n"
                           "\n"
                           "if [[ $funcstack[1] == _statectl ]]; then\n"
                           "    _statectl \"$@\"\n"
                           "else\n"
                           "    compdef _statectl statectl\n"
                           "fi\n";

/* A description within single quotes and brackets, or before a colon. */
static void put_text(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            fputs("'\\''", stdout);
        } else if (strchr("[]:\\", *text) != NULL) {
            printf("\\%c", *text);
        } else {
            putchar(*text);
        }
    }
}

static void put_action(struct usage usage)
{
    const struct stated_client_method *method;
    const char *word;
    size_t at = 0;
    size_t length;
    switch (usage.kind) {
    case USAGE_KEY:
        fputs("_statectl_keys", stdout);
        break;
    case USAGE_FILE:
        fputs("_files", stdout);
        break;
    case USAGE_COMMAND:
        fputs("_statectl_commands", stdout);
        break;
    case USAGE_METHOD:
        fputs("(", stdout);
        for (size_t i = 0; (method = methods_at(i)) != NULL; i++) {
            printf("%s ", strchr(method->name, '/') + 1);
        }
        fputs(")", stdout);
        break;
    case USAGE_WORDS:
        fputs("(", stdout);
        while ((word = usage_next_word(&usage, &at, &length)) != NULL) {
            printf("%.*s ", (int)length, word);
        }
        fputs(")", stdout);
        break;
    default:
        putchar(' '); /* shows what it is, offers nothing */
        break;
    }
}

static void put_option(const struct argp_option *option, const char *indent)
{
    bool has_letter = option->key > ' ' && option->key < 0x7f;
    if (has_letter) {
        printf("%s'(-%c --%s)'{-%c%s,--%s%s}'[", indent, option->key, option->name, option->key,
               option->arg != NULL ? "+" : "", option->name, option->arg != NULL ? "=" : "");
    } else {
        printf("%s'--%s%s[", indent, option->name, option->arg != NULL ? "=" : "");
    }
    put_text(option->doc);
    putchar(']');
    if (option->arg != NULL) {
        printf(":%s:", option->arg);
        put_action(usage_of_option(option));
    }
    fputs("'", stdout);
}

static void put_command(const struct command *command)
{
    const struct argp_option *option;
    bool repeats;
    size_t n = usage_positions(command, &repeats);
    printf("        %s)\n            _arguments -S $global", command->name);
    for (size_t i = 0; (option = usage_option_at(command, i)) != NULL; i++) {
        if (!usage_is_global(option)) {
            put_option(option, " \\\n                ");
        }
    }
    for (size_t i = 0; i < n; i++) {
        fputs(" \\\n                '", stdout);
        fputs(repeats && i + 1 == n ? "*:" : ":", stdout);
        put_text(command->summary);
        putchar(':');
        put_action(usage_of_argument(command, i));
        putchar('\'');
    }
    fputs("\n            ;;\n", stdout);
}

void completion_zsh_print(void)
{
    const struct command *command;
    const struct argp_option *option;
    fputs(head, stdout);
    for (size_t i = 0; (command = commands_at(i)) != NULL; i++) {
        printf("        '%s:", command->name);
        put_text(command->summary);
        fputs("'\n", stdout);
    }
    fputs(after_commands, stdout);
    for (size_t i = 0; (option = usage_option_at(NULL, i)) != NULL; i++) {
        put_option(option, "        ");
        putchar('\n');
    }
    fputs("        '(-? --help)'{-\\?,--help}'[Give a help list]'\n", stdout);
    fputs(after_global, stdout);
    for (size_t i = 0; (command = commands_at(i)) != NULL; i++) {
        put_command(command);
    }
    fputs(tail, stdout);
}
