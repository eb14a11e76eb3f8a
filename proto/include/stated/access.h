/* How a method touches the state, as its .proto declares it. */
#ifndef STATED_ACCESS_H
#define STATED_ACCESS_H

#ifdef __cplusplus
extern "C" {
#endif

/* Numbers as in stated/v1/options.proto. */
enum stated_access {
    STATED_ACCESS_NONE = 1,
    STATED_ACCESS_READ = 2,
    STATED_ACCESS_WRITE = 3,
    STATED_ACCESS_PARK = 4,
};

#ifdef __cplusplus
}
#endif

#endif
