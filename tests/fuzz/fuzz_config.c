/* Any bytes as a config file: a refusal that says why, or options within their bounds. */
#include "fuzz.h"

#include "options.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the refusal says goes here. */
static char said[4096];

static bool read_quietly(struct options *options, const char *path)
{
    char program[] = "stated";
    char flag[] = "--config";
    char file[64];
    char *arguments[] = {program, flag, file, NULL};
    snprintf(file, sizeof(file), "%s", path);
    FILE *kept = stderr;
    memset(said, 0, sizeof(said));
    stderr = fmemopen(said, sizeof(said) - 1, "w");
    FUZZ_CHECK(stderr);
    bool is_read = options_read(options, 3, arguments);
    fclose(stderr);
    stderr = kept;
    return is_read;
}

static void check_accepted(const struct options *options)
{
    FUZZ_CHECK(options->server.n_listen >= 1 && options->server.n_listen <= OPTIONS_LISTEN_MAX);
    for (size_t i = 0; i < options->server.n_listen; i++) {
        FUZZ_CHECK(options->server.listen[i]);
    }
    FUZZ_CHECK(options->data_dir && options->data_dir[0] != '\0');
    FUZZ_CHECK(options->server.workers >= option_kinds[KEY_WORKERS].least &&
               options->server.workers <= option_kinds[KEY_WORKERS].most);
    FUZZ_CHECK(options->server.max_queued_calls >= option_kinds[KEY_MAX_QUEUE].least);
    FUZZ_CHECK(options->server.max_message_bytes >= option_kinds[KEY_MAX_MESSAGE].least &&
               options->server.max_message_bytes <= option_kinds[KEY_MAX_MESSAGE].most);
    FUZZ_CHECK(options->store.size_limit_bytes >= option_kinds[KEY_SIZE_LIMIT].least &&
               options->store.size_limit_bytes <= option_kinds[KEY_SIZE_LIMIT].most);
    FUZZ_CHECK(options->store.durability <= STORE_EPHEMERAL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    static const char path[] = "fuzz_config.conf";
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    FUZZ_CHECK(fd >= 0 && write(fd, data, length) == (ssize_t)length);
    close(fd);
    setenv("HOME", "/tmp", 1); /* where the defaults are */
    struct options options;
    if (read_quietly(&options, path)) {
        check_accepted(&options);
        options_deinit(&options);
    } else {
        FUZZ_CHECK(said[0] != '\0');
    }
    return 0;
}
