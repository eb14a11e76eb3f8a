#include "coalesce.h"

bool coalesce_may_start(const struct coalesce_rules *rules, uint32_t frames,
                        enum stated_access access)
{
    return access == STATED_ACCESS_PARK || frames < rules->max_frames;
}

bool coalesce_add(const struct coalesce_rules *rules, struct coalesce_frame *frame, size_t bytes,
                  enum stated_access access, bool alone)
{
    bool shares = rules->enabled && !alone && access != STATED_ACCESS_PARK;
    if (frame->n_calls > 0 && (!shares || frame->full || frame->n_calls >= rules->max_calls ||
                               bytes > rules->max_bytes - frame->bytes)) {
        return false;
    }
    frame->n_calls++;
    frame->bytes += bytes;
    frame->full = !shares || frame->bytes >= rules->max_bytes;
    return true;
}
