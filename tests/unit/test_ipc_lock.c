/* Can two servers ever share a socket's path, and is what a crashed one left cleared away? */
#include "test.h"

#include "net/ipc_lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

struct place {
    char directory[64];
    char path[96];
    char lock_path[104];
};

static int setup(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    assert_non_null(place);
    strcpy(place->directory, "/tmp/stated-test-XXXXXX");
    assert_non_null(mkdtemp(place->directory));
    snprintf(place->path, sizeof(place->path), "%s/s.sock", place->directory);
    snprintf(place->lock_path, sizeof(place->lock_path), "%s.lock", place->path);
    *state = place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    unlink(place->path);
    unlink(place->lock_path);
    assert_int_equal(rmdir(place->directory), 0);
    free(place);
    return 0;
}

/* A socket that listens at the path; closing it leaves the file behind, as a crash does. */
static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void assert_held_by_pid_in(const char *lock_path, pid_t pid)
{
    char text[32] = "";
    int fd = open(lock_path, O_RDONLY);
    assert_true(fd >= 0);
    assert_true(read(fd, text, sizeof(text) - 1) > 0);
    close(fd);
    assert_int_equal(strtol(text, NULL, 10), pid);
}

static void test_take_and_take_again(void **state)
{
    struct place *place = *state;
    struct stated_status status;
    for (int i = 0; i < 3; i++) {
        int fd;
        assert_int_equal(ipc_lock_acquire(place->path, &fd, &status), STATED_OK);
        assert_true(fd >= 0);
        assert_held_by_pid_in(place->lock_path, getpid());
        ipc_lock_release(fd);
    }
    ipc_lock_release(-1);
}

static void test_second_is_told_who_holds_it(void **state)
{
    struct place *place = *state;
    struct stated_status status;
    int ready[2], finish[2];
    assert_int_equal(pipe(ready) | pipe(finish), 0);
    pid_t holder = fork();
    assert_true(holder >= 0);
    if (holder == 0) {
        int fd;
        char byte = (char)ipc_lock_acquire(place->path, &fd, &status);
        close(finish[1]);
        if (write(ready[1], &byte, 1) != 1 || read(finish[0], &byte, 1) != 0) {
            _exit(1);
        }
        _exit(0);
    }
    close(finish[0]);
    char code;
    assert_int_equal(read(ready[0], &code, 1), 1);
    assert_int_equal(code, STATED_OK);

    int fd;
    assert_int_equal(ipc_lock_acquire(place->path, &fd, &status), STATED_FAILED_PRECONDITION);
    assert_int_equal(fd, -1);
    char pid_text[32];
    snprintf(pid_text, sizeof(pid_text), "process %ld ", (long)holder);
    assert_non_null(strstr(status.message, pid_text));
    assert_non_null(strstr(status.message, place->path));

    close(finish[1]);
    int ended;
    assert_int_equal(waitpid(holder, &ended, 0), holder);
    assert_int_equal(ended, 0);
    close(ready[0]);
    close(ready[1]);
    assert_int_equal(ipc_lock_acquire(place->path, &fd, &status), STATED_OK);
    ipc_lock_release(fd);
}

static void test_stale_socket_is_removed(void **state)
{
    struct place *place = *state;
    struct stated_status status;
    int fd;
    close(listen_at(place->path));
    assert_int_equal(ipc_lock_acquire(place->path, &fd, &status), STATED_OK);
    assert_int_equal(access(place->path, F_OK), -1);
    ipc_lock_release(fd);
}

static void test_living_socket_is_left_alone(void **state)
{
    struct place *place = *state;
    struct stated_status status;
    int fd;
    int other = listen_at(place->path);
    assert_int_equal(ipc_lock_acquire(place->path, &fd, &status), STATED_FAILED_PRECONDITION);
    assert_non_null(strstr(status.message, "another program"));
    assert_int_equal(access(place->path, F_OK), 0);
    close(other);
}

static void test_other_files_are_left_alone(void **state)
{
    struct place *place = *state;
    struct stated_status status;
    int fd;
    close(open(place->path, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(ipc_lock_acquire(place->path, &fd, &status), STATED_FAILED_PRECONDITION);
    assert_non_null(strstr(status.message, "not a socket"));
    assert_int_equal(access(place->path, F_OK), 0);
}

static void test_missing_directory(void **state)
{
    (void)state;
    struct stated_status status;
    int fd;
    assert_int_equal(ipc_lock_acquire("/nowhere/at/all/s.sock", &fd, &status), STATED_NOT_FOUND);
    assert_non_null(strstr(status.message, "/nowhere/at/all/s.sock"));
}

static void test_lock_file_that_is_a_link_is_not_followed(void **state)
{
    struct place *place = *state;
    struct stated_status status;
    char target[128];
    int fd;
    snprintf(target, sizeof(target), "%s/target", place->directory);
    assert_int_equal(symlink(target, place->lock_path), 0);
    assert_int_equal(ipc_lock_acquire(place->path, &fd, &status), STATED_UNAVAILABLE);
    assert_int_equal(access(target, F_OK), -1);
}

/* As another user when this is root, whose default is one for the whole machine. */
static void test_default_directory(void **state)
{
    struct place *place = *state;
    struct stated_status status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct stat found;
        char directory[128];
        char path[160];
        if (geteuid() == 0 && (chmod(place->directory, 0777) != 0 || setuid(65534) != 0)) {
            _exit(1);
        }
        setenv("XDG_RUNTIME_DIR", place->directory, 1);
        snprintf(directory, sizeof(directory), "%s/stated", place->directory);
        snprintf(path, sizeof(path), "%s/stated.sock", directory);
        bool good =
            ipc_prepare_default("/nowhere/s.sock", &status) == STATED_OK &&
            access("/nowhere", F_OK) != 0 && ipc_prepare_default(path, &status) == STATED_OK &&
            stat(directory, &found) == 0 && (found.st_mode & 07777) == 0700 &&
            ipc_prepare_default(path, &status) == STATED_OK && chmod(directory, 0777) == 0 &&
            ipc_prepare_default(path, &status) == STATED_PERMISSION_DENIED &&
            strstr(status.message, directory) != NULL && rmdir(directory) == 0 &&
            symlink("/tmp", directory) == 0 &&
            ipc_prepare_default(path, &status) == STATED_PERMISSION_DENIED &&
            unlink(directory) == 0;
        _exit(good ? 0 : 2);
    }
    int ended;
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_int_equal(ended, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_take_and_take_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_second_is_told_who_holds_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stale_socket_is_removed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_living_socket_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_files_are_left_alone, setup, teardown),
        cmocka_unit_test(test_missing_directory),
        cmocka_unit_test_setup_teardown(test_default_directory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lock_file_that_is_a_link_is_not_followed, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
