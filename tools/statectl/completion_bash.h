/* Completion for bash, made from the descriptions of the commands. */
#ifndef STATED_STATECTL_COMPLETION_BASH_H
#define STATED_STATECTL_COMPLETION_BASH_H

/* Prints the script on standard output. Main thread. */
void completion_bash_print(void);

#endif
