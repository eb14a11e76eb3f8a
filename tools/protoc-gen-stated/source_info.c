#include "source_info.h"

#include <stdbool.h>
#include <string.h>

/* Field numbers of descriptor.proto, of which a location's path consists. */
enum { FILE_SERVICE = 6, SERVICE_METHOD = 2 };

static bool same_path(const Google__Protobuf__SourceCodeInfo__Location *location,
                      const int32_t *path, size_t n_path)
{
    return location->n_path == n_path &&
           memcmp(location->path, path, n_path * sizeof(path[0])) == 0;
}

static struct source_info find(const Google__Protobuf__FileDescriptorProto *file,
                               const int32_t *path, size_t n_path)
{
    struct source_info info = {.comment = "", .line = 0};
    size_t n = file->source_code_info ? file->source_code_info->n_location : 0;
    for (size_t i = 0; i < n; i++) {
        const Google__Protobuf__SourceCodeInfo__Location *location =
            file->source_code_info->location[i];
        if (!same_path(location, path, n_path)) {
            continue;
        }
        if (location->n_span > 0) {
            info.line = location->span[0] + 1;
        }
        if (location->leading_comments) {
            info.comment = location->leading_comments;
        } else if (location->trailing_comments) {
            info.comment = location->trailing_comments;
        }
        break;
    }
    return info;
}

struct source_info source_info_service(const Google__Protobuf__FileDescriptorProto *file,
                                       size_t service)
{
    const int32_t path[] = {FILE_SERVICE, (int32_t)service};
    return find(file, path, 2);
}

struct source_info source_info_method(const Google__Protobuf__FileDescriptorProto *file,
                                      size_t service, size_t method)
{
    const int32_t path[] = {FILE_SERVICE, (int32_t)service, SERVICE_METHOD, (int32_t)method};
    return find(file, path, 4);
}
