#include "statectl/file.h"

#include "statectl/errors.h"
#include "statectl/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST_READ_BYTES = 64 << 10 };

static enum stated_code read_all(FILE *file, size_t most_bytes, ProtobufCBinaryData *content)
{
    size_t capacity = FIRST_READ_BYTES;
    content->data = memory_new(capacity, 1);
    content->len = 0;
    while (true) {
        content->len += fread(content->data + content->len, 1, capacity - content->len, file);
        if (content->len > most_bytes) {
            return STATED_RESOURCE_EXHAUSTED;
        }
        if (content->len < capacity) {
            return ferror(file) ? STATED_UNAVAILABLE : STATED_OK;
        }
        capacity *= 2;
        content->data = memory_resize(content->data, capacity, 1);
    }
}

enum stated_code file_read(const char *path, size_t most_bytes, ProtobufCBinaryData *content)
{
    bool is_input = strcmp(path, "-") == 0;
    FILE *file = is_input ? stdin : fopen(path, "rbe");
    if (file == NULL) {
        return STATED_UNAVAILABLE;
    }
    enum stated_code code = read_all(file, most_bytes, content);
    int error = errno;
    if (code != STATED_OK) {
        free(content->data);
    }
    if (!is_input) {
        fclose(file);
    }
    errno = error;
    return code;
}

/* What a new file may be used for by whom, as open would decide it. */
static mode_t default_mode(void)
{
    mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

static bool open_temporary(struct whole_file *self, const char *path)
{
    char *resolved = realpath(path, NULL);
    struct stat before;
    mode_t mode =
        resolved != NULL && stat(resolved, &before) == 0 ? before.st_mode & 0777 : default_mode();
    self->path = memory_format("%s", resolved != NULL ? resolved : path);
    self->temporary = memory_format("%s.XXXXXX", self->path);
    free(resolved);
    int fd = mkstemp(self->temporary);
    if (fd < 0) {
        error_file("write next to", path);
        return false;
    }
    fchmod(fd, mode);
    self->file = memory_check(fdopen(fd, "wb"));
    return true;
}

static void forget(struct whole_file *self)
{
    free(self->path);
    free(self->temporary);
    *self = (struct whole_file){.file = NULL};
}

bool whole_file_open(struct whole_file *self, const char *path)
{
    struct stat existing;
    *self = (struct whole_file){.file = NULL};
    if (stat(path, &existing) == 0 && !S_ISREG(existing.st_mode)) {
        self->file = fopen(path, "wbe");
        if (self->file == NULL) {
            error_file("write", path);
        }
        return self->file != NULL;
    }
    if (!open_temporary(self, path)) {
        forget(self);
        return false;
    }
    return true;
}

bool whole_file_close(struct whole_file *self)
{
    bool good = fflush(self->file) == 0 && !ferror(self->file) &&
                (self->path == NULL || fsync(fileno(self->file)) == 0);
    int error = errno;
    good = fclose(self->file) == 0 && good;
    self->file = NULL;
    if (good && self->path != NULL) {
        good = rename(self->temporary, self->path) == 0;
        error = errno;
    }
    if (!good) {
        errno = error;
        error_file("write", self->path != NULL ? self->path : "the file");
        if (self->temporary != NULL) {
            unlink(self->temporary);
        }
    }
    forget(self);
    return good;
}

void whole_file_abandon(struct whole_file *self)
{
    fclose(self->file);
    if (self->temporary != NULL) {
        unlink(self->temporary);
    }
    forget(self);
}
