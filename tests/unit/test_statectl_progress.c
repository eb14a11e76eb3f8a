/* Is there a bar on a terminal, nothing elsewhere, and nothing of it left at the end? */
#include "statectl/progress.h"

#include "test.h"

#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char shown[512];

/* Runs `act` with `to` as standard error, closes that, and keeps all that comes out of `from`; a
   terminal may give it bit by bit. */
static void capture(int to, int from, void (*act)(void))
{
    int saved = dup(STDERR_FILENO);
    assert_true(dup2(to, STDERR_FILENO) >= 0);
    act();
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    close(saved);
    close(to);
    size_t used = 0;
    for (ssize_t n = 1; n > 0; used += n > 0 ? (size_t)n : 0) {
        n = read(from, shown + used, sizeof(shown) - 1 - used);
    }
    shown[used] = '\0';
}

/* As if the last time had been long ago. */
static void tell(struct progress *self, unsigned permille)
{
    self->shown_ns = 0;
    progress_tell_share(self, "copying", permille);
}

static void tell_and_wipe(void)
{
    struct progress self;
    progress_init(&self, true, 0);
    tell(&self, 0);
    tell(&self, 505);
    progress_tell_share(&self, "copying", 510); /* too soon */
    tell(&self, 1000);
    progress_wipe(&self);
    progress_wipe(&self);
}

static void test_a_share_is_a_bar_on_a_terminal(void **state)
{
    (void)state;
    int terminal;
    int screen;
    assert_int_equal(openpty(&screen, &terminal, NULL, NULL, NULL), 0);
    capture(terminal, screen, tell_and_wipe);
    assert_string_equal(shown, "\r[........................] copying, 0%\033[K"
                               "\r[############............] copying, 50%\033[K"
                               "\r[########################] copying, 100%\033[K"
                               "\r\033[K");
    close(screen);
}

static void test_a_share_is_nothing_elsewhere(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    capture(ends[1], ends[0], tell_and_wipe);
    assert_string_equal(shown, "");
    close(ends[0]);
}

int main(void)
{
    setenv("TERM", "xterm", 1); /* whatever this runs under */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_share_is_a_bar_on_a_terminal),
        cmocka_unit_test(test_a_share_is_nothing_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
