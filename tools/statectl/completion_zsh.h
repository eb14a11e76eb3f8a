/* Completion for zsh, made from the descriptions of the commands. */
#ifndef STATED_STATECTL_COMPLETION_ZSH_H
#define STATED_STATECTL_COMPLETION_ZSH_H

/* Prints the script on standard output. Main thread. */
void completion_zsh_print(void);

#endif
