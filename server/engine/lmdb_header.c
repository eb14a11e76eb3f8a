#include "engine/lmdb_header.h"

#include "engine/errno_status.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct meta_page {
    uint64_t page_number;
    uint16_t pad;
    uint16_t flags;
    uint32_t bounds;
    uint32_t magic;
    uint32_t version;
    uint64_t address;
    uint64_t map_bytes;
    struct lmdb_tree trees[2]; /* of free pages, of tables */
    uint64_t last_page;
    uint64_t transaction;
};
_Static_assert(sizeof(struct meta_page) == 152, "LMDB's layout on 64-bit machines");

enum {
    FLAG_META = 0x08,        /* of a page */
    FLAG_NUMBER_KEYS = 0x08, /* of a tree */
    FLAG_NO_DIRECTORY = 0x4000,
    MIN_PAGE_BYTES = 512,
    MAX_PAGE_BYTES = 0x8000,
    MAX_DEPTH = 32,
    FIRST_DATA_PAGE = 2,
};
/* A file may end before its last pages when these are free, but not by more than a transaction. */
#define MAX_MISSING_BYTES (UINT64_C(1) << 30)
#define MAGIC UINT32_C(0xBEEFC0DE)
#define LMDB_DATA_VERSION 1u

#define REFUSE(status, ...) stated_status_set(status, STATED_DATA_LOSS, __VA_ARGS__)

static enum stated_code read_page(int fd, const char *path, uint64_t offset, struct meta_page *page,
                                  struct stated_status *status)
{
    ssize_t n;
    do {
        n = pread(fd, page, sizeof(*page), (off_t)offset);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return errno_status_set(status, errno, path);
    }
    if ((size_t)n < sizeof(*page)) {
        return REFUSE(status,
                      "%s is truncated: it ends within its header; restore a snapshot, or move the "
                      "file away to start empty",
                      path);
    }
    return STATED_OK;
}

static bool is_power_of_two(uint32_t number)
{
    return number != 0 && (number & (number - 1)) == 0;
}

static enum stated_code check_kind(const char *path, const struct meta_page *page,
                                   struct stated_status *status)
{
    if ((page->flags & FLAG_META) == 0 || page->magic != MAGIC) {
        return REFUSE(status,
                      "%s is not a state file: it has no LMDB header; move it away, or use another "
                      "data directory",
                      path);
    }
    if (page->version != LMDB_DATA_VERSION) {
        return REFUSE(status, "%s is an LMDB file of version %" PRIu32 ", only version %u is known",
                      path, page->version, LMDB_DATA_VERSION);
    }
    return STATED_OK;
}

static bool tree_is_plausible(const struct lmdb_tree *tree, uint16_t flags, uint64_t last_page)
{
    if ((tree->flags & ~FLAG_NO_DIRECTORY) != flags) {
        return false;
    }
    if (tree->root == LMDB_NO_PAGE) {
        return tree->depth == 0 && tree->entries == 0;
    }
    return tree->root >= FIRST_DATA_PAGE && tree->root <= last_page && tree->depth > 0 &&
           tree->depth <= MAX_DEPTH && tree->leaf_pages <= last_page &&
           tree->branch_pages <= last_page && tree->overflow_pages <= last_page;
}

static enum stated_code refuse_senseless(const char *path, unsigned number,
                                         struct stated_status *status)
{
    return REFUSE(status, "%s is damaged: page %u of its header makes no sense; restore a snapshot",
                  path, number);
}

/* What holds for the page that is in use and for the one before it. */
static enum stated_code check_page(const char *path, unsigned number, const struct meta_page *page,
                                   uint64_t page_bytes, struct stated_status *status)
{
    enum stated_code code = check_kind(path, page, status);
    if (code != STATED_OK) {
        return code;
    }
    /* LMDB writes transaction n to page n modulo 2; a new file has 0 in both. */
    bool is_in_place = page->transaction == 0 || (page->transaction & 1) == number;
    if (page->page_number != number || page->trees[0].pad != page_bytes || !is_in_place) {
        return refuse_senseless(path, number, status);
    }
    return STATED_OK;
}

/* The page in use. The other one may have a root without meaning: when LMDB fails to write a
   header page, it puts back the old transaction, not the old roots. */
static enum stated_code check_newer(const char *path, const struct meta_page *page,
                                    uint64_t page_bytes, uint64_t file_bytes,
                                    struct stated_status *status)
{
    if (page->last_page < 1 || page->last_page > (file_bytes + MAX_MISSING_BYTES) / page_bytes ||
        !tree_is_plausible(&page->trees[0], FLAG_NUMBER_KEYS, page->last_page) ||
        !tree_is_plausible(&page->trees[1], 0, page->last_page)) {
        return refuse_senseless(path, (unsigned)page->page_number, status);
    }
    return STATED_OK;
}

/* Sets *newer to the page in use. Each commit writes the page that the one before it did not. */
static enum stated_code choose_page(const char *path, const struct meta_page pages[2],
                                    const struct meta_page **newer, struct stated_status *status)
{
    *newer = &pages[pages[0].transaction < pages[1].transaction];
    const struct meta_page *older = &pages[*newer == &pages[0]];
    if ((*newer)->transaction - older->transaction > 1) {
        return REFUSE(status,
                      "%s is damaged: the pages of its header do not follow each other; restore a "
                      "snapshot",
                      path);
    }
    return STATED_OK;
}

/* Reads both header pages and checks what holds for each. */
static enum stated_code read_pages(int fd, const char *path, struct meta_page pages[2],
                                   struct stated_status *status)
{
    enum stated_code code = read_page(fd, path, 0, &pages[0], status);
    if (code == STATED_OK) {
        code = check_kind(path, &pages[0], status);
    }
    if (code != STATED_OK) {
        return code;
    }
    uint32_t page_bytes = pages[0].trees[0].pad;
    if (!is_power_of_two(page_bytes) || page_bytes < MIN_PAGE_BYTES ||
        page_bytes > MAX_PAGE_BYTES) {
        return REFUSE(status, "%s is damaged: its pages would have %" PRIu32 " bytes", path,
                      page_bytes);
    }
    code = read_page(fd, path, page_bytes, &pages[1], status);
    for (unsigned i = 0; code == STATED_OK && i < 2; i++) {
        code = check_page(path, i, &pages[i], page_bytes, status);
    }
    return code;
}

enum stated_code lmdb_header_read_fd(int fd, const char *path, struct lmdb_header *header,
                                     struct stated_status *status)
{
    struct stat file;
    struct meta_page pages[2];
    const struct meta_page *newer;
    if (fstat(fd, &file) != 0) {
        return errno_status_set(status, errno, path);
    }
    enum stated_code code = read_pages(fd, path, pages, status);
    if (code == STATED_OK) {
        code = choose_page(path, pages, &newer, status);
    }
    if (code != STATED_OK) {
        return code;
    }
    *header = (struct lmdb_header){
        .page_bytes = newer->trees[0].pad,
        .last_page = newer->last_page,
        .transaction = newer->transaction,
        .free_pages = newer->trees[0],
        .tables = newer->trees[1],
    };
    return check_newer(path, newer, header->page_bytes, (uint64_t)file.st_size, status);
}

enum stated_code lmdb_header_read(const char *path, struct lmdb_header *header,
                                  struct stated_status *status)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        return errno == ENOENT ? STATED_NOT_FOUND : errno_status_set(status, errno, path);
    }
    enum stated_code code = lmdb_header_read_fd(fd, path, header, status);
    (void)close(fd);
    return code;
}
