#include "statectl/interrupt.h"

#include "statectl/errors.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Free of locks, so that a handler may touch them; atomic, since it may be on any thread. */
static atomic_bool is_deferred;
static atomic_int requested;
static atomic_int event_fd = -1;
static const char *_Atomic last_words;

static void write_some(int fd, const void *data, size_t size)
{
    ssize_t written = write(fd, data, size);
    (void)written;
}

static void on_signal(int number)
{
    int saved = errno;
    int none = 0;
    if (!is_deferred || !atomic_compare_exchange_strong(&requested, &none, EXIT_SIGNAL + number)) {
        const char *words = last_words;
        if (words != NULL) {
            write_some(STDOUT_FILENO, words, strlen(words));
        }
        _exit(EXIT_SIGNAL + number);
    }
    const uint64_t one = 1;
    write_some(event_fd, &one, sizeof one);
    errno = saved;
}

static void on_closed_pipe(int number)
{
    _exit(EXIT_SIGNAL + number);
}

void interrupt_init(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    action.sa_handler = on_closed_pipe;
    sigaction(SIGPIPE, &action, NULL);
}

void interrupt_defer(void)
{
    if (event_fd < 0) {
        event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    is_deferred = event_fd >= 0;
}

void interrupt_say_last(const char *text)
{
    last_words = text;
}

int interrupt_requested(void)
{
    return requested;
}

int interrupt_fd(void)
{
    return event_fd;
}

int interrupt_sleep(int ms)
{
    struct pollfd wait = {.fd = event_fd, .events = POLLIN};
    if (requested == 0) {
        poll(&wait, 1, ms);
    }
    return requested;
}
