/* Ctrl-C and its relatives: end the process with the right code, or ask a command to finish. */
#ifndef STATED_STATECTL_INTERRUPT_H
#define STATED_STATECTL_INTERRUPT_H

/* From now on SIGINT, SIGTERM and SIGHUP end the process at once with 128 + their number, and so
   does, without a word, writing to a closed pipe. Main thread, once. */
void interrupt_init(void);

/* From now on the first signal only asks, see below; a second one ends the process. */
void interrupt_defer(void);

/* A signal that ends the process writes this to standard output first; NULL: nothing, as at the
   beginning. text is not copied. Main thread. */
void interrupt_say_last(const char *text);

/* The exit code of the signal that asked, 130 for Ctrl-C; 0 = none did. Any thread. */
int interrupt_requested(void);

/* Becomes readable, and stays so, when a signal asks. To poll; -1 before interrupt_defer. */
int interrupt_fd(void);

/* Waits so long or until a signal asks. Returns interrupt_requested(). */
int interrupt_sleep(int ms);

#endif
