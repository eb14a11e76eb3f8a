/* The script walks over the words before the cursor as getopt would, with two tables that are
   written here: which options take an argument of which kind, and of which kind each command's
   arguments are. A kind is "key", "file" or the words themselves behind "=". */
#include "statectl/completion_bash.h"

#include "statectl/commands.h"
#include "statectl/methods.h"
#include "statectl/usage.h"

#include <stdio.h>
#include <string.h>

static const char head[] =
    "# Completion of statectl for bash, written by: statectl completion bash\n"
    "\n"
    "# Sets kind to what the option $2 of the command $1 takes; empty = no argument.\n"
    "_statectl_option() {\n"
    "    kind=\n"
    "    case \"$1 $2\" in\n";

static const char after_options[] =
    "    esac\n"
    "}\n"
    "\n"
    "# Sets kind to what the argument number $2 of the command $1 is, and options to its options.\n"
    "_statectl_command() {\n"
    "    kind=\n"
    "    options=\n"
    "    case \"$1\" in\n";

static const char after_commands[] =
    "    esac\n"
    "}\n"
    "\n"
    "# The keys that start with $1: not more, and not longer, than somebody waits for.\n"
    "_statectl_keys() {\n"
    "    local plain=$1 quote=''\n"
    "    case $plain in\n"
    "        [\\'\\\"]*) quote=${plain:0:1} plain=${plain:1} ;;\n"
    "        *) plain=${plain//\\\\/} ;;\n"
    "    esac\n"
    "    local -a found=()\n"
    "    mapfile -d '' -t found < <(\"$program\" \"${server[@]}\" --timeout 1000 -o raw ls -0 "
    "--keys "
    "--committed --limit 200 -- \"$plain\" 2>/dev/null)\n"
    "    local key\n"
    "    for key in \"${found[@]}\"; do\n"
    "        if [[ -n $quote ]]; then\n"
    "            COMPREPLY+=(\"$quote$key\")\n"
    "        else\n"
    "            printf -v key %q \"$key\"\n"
    "            COMPREPLY+=(\"$key\")\n"
    "        fi\n"
    "    done\n"
    "}\n"
    "\n"
    "_statectl() {\n"
    "    local program=${COMP_WORDS[0]/#\\~/$HOME} line=${COMP_LINE:0:COMP_POINT}\n"
    "    local word command='' kind='' options='' taken='' n=0 i\n"
    "    local -a words=() server=()\n"
    "    # bash takes words apart at : and =, which keys and URLs have.\n"
    "    for ((i = 0; i <= COMP_CWORD; i++)); do\n"
    "        word=${COMP_WORDS[i]}\n"
    "        if ((i > 1)) && [[ $word == [:=]* || ${words[-1]} == *[:=] ]] &&\n"
    "            ! { ((i == COMP_CWORD)) && [[ $line == *[[:space:]] ]]; }; then\n"
    "            words[-1]+=$word\n"
    "        else\n"
    "            words+=(\"$word\")\n"
    "        fi\n"
    "    done\n"
    "    local cur=${words[-1]} literal=''\n"
    "    for ((i = 1; i < ${#words[@]} - 1; i++)); do\n"
    "        word=${words[i]}\n"
    "        if [[ -n $taken ]]; then\n"
    "            [[ $taken == -e || $taken == --endpoint ]] && server=(-e \"$word\")\n"
    "            taken=\n"
    "        elif [[ -z $literal && $word == -- ]]; then\n"
    "            literal=1\n"
    "        elif [[ -z $literal && $word == -?* ]]; then\n"
    "            [[ $word == --endpoint=* ]] && server=(-e \"${word#*=}\")\n"
    "            _statectl_option \"$command\" \"$word\"\n"
    "            [[ -n $kind ]] && taken=$word\n"
    "        elif [[ -z $command ]]; then\n"
    "            command=$word\n"
    "        else\n"
    "            ((n++))\n"
    "        fi\n"
    "    done\n"
    "    if [[ -n $taken ]]; then\n"
    "        _statectl_option \"$command\" \"$taken\"\n"
    "    else\n"
    "        _statectl_command \"$command\" $n\n"
    "        [[ -z $literal && $cur == -* ]] && kind=\"=$options\"\n"
    "    fi\n"
    "    COMPREPLY=()\n"
    "    case $kind in\n"
    "        key) _statectl_keys \"$cur\" ;;\n"
    "        file) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") ;;\n"
    "        =*) mapfile -t COMPREPLY < <(compgen -W \"${kind#=}\" -- \"$cur\") ;;\n"
    "    esac\n"
    "    # What bash takes for the word that is completed starts behind the last of : and =.\n"
    "    local lead=${cur%\"${cur##*[:=]}\"}\n"
    "    [[ -n $lead ]] && COMPREPLY=(\"${COMPREPLY[@]#\"$lead\"}\")\n"
    "    return 0\n"
    "}\n"
    "\n"
    "complete -F _statectl statectl\n";

static void put_kind(struct usage usage)
{
    const struct stated_client_method *method;
    const struct command *command;
    const char *word;
    size_t at = 0;
    size_t length;
    fputs("kind='", stdout);
    switch (usage.kind) {
    case USAGE_KEY:
        fputs("key", stdout);
        break;
    case USAGE_FILE:
        fputs("file", stdout);
        break;
    case USAGE_METHOD:
        putchar('=');
        for (size_t i = 0; (method = methods_at(i)) != NULL; i++) {
            printf("%s ", strchr(method->name, '/') + 1);
        }
        break;
    case USAGE_COMMAND:
        putchar('=');
        for (size_t i = 0; (command = commands_at(i)) != NULL; i++) {
            printf("%s ", command->name);
        }
        break;
    case USAGE_WORDS:
        putchar('=');
        while ((word = usage_next_word(&usage, &at, &length)) != NULL) {
            printf("%.*s ", (int)length, word);
        }
        break;
    default:
        putchar('?');
        break;
    }
    putchar('\'');
}

static bool has_letter(const struct argp_option *option)
{
    return option->key > ' ' && option->key < 0x7f;
}

/* The lines of _statectl_option: of a command, or with "*" of all. */
static void put_options(const struct command *command, const char *name, size_t from)
{
    const struct argp_option *option;
    for (size_t i = from; (option = usage_option_at(command, i)) != NULL; i++) {
        if (option->arg == NULL || (command != NULL && usage_is_global(option))) {
            continue;
        }
        printf("        %s\\ --%s", name, option->name);
        if (has_letter(option)) {
            printf(" | %s\\ -%c", name, option->key);
        }
        fputs(") ", stdout);
        put_kind(usage_of_option(option));
        fputs(" ;;\n", stdout);
    }
}

static void put_option_names(const struct command *command)
{
    const struct argp_option *option;
    fputs("options='--help ", stdout);
    for (size_t i = 0; (option = usage_option_at(command, i)) != NULL; i++) {
        printf("--%s ", option->name);
    }
    putchar('\'');
}

/* The line of _statectl_command. */
static void put_command(const struct command *command)
{
    bool repeats;
    size_t n = usage_positions(command, &repeats);
    printf("        %s)\n            ", command->name);
    put_option_names(command);
    fputs("\n            case $2 in\n", stdout);
    for (size_t i = 0; i < n; i++) {
        bool is_rest = repeats && i + 1 == n;
        if (is_rest) {
            fputs("                *) ", stdout);
        } else {
            printf("                %zu) ", i);
        }
        put_kind(usage_of_argument(command, i));
        fputs(" ;;\n", stdout);
    }
    fputs("            esac\n            ;;\n", stdout);
}

void completion_bash_print(void)
{
    const struct command *command;
    fputs(head, stdout);
    for (size_t i = 0; (command = commands_at(i)) != NULL; i++) {
        put_options(command, command->name, 0);
    }
    put_options(NULL, "*", 0);
    fputs(after_options, stdout);
    fputs("        '' | help)\n            ", stdout);
    put_option_names(NULL);
    fputs("\n            ", stdout);
    put_kind((struct usage){.kind = USAGE_COMMAND});
    fputs("\n            ;;\n", stdout);
    for (size_t i = 0; (command = commands_at(i)) != NULL; i++) {
        put_command(command);
    }
    fputs(after_commands, stdout);
}
