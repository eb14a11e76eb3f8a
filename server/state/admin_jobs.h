/* AdminService's jobs: snapshots and checks, started, asked about, fetched and ended. */
#ifndef STATED_STATE_ADMIN_JOBS_H
#define STATED_STATE_ADMIN_JOBS_H

#include "stated/server.h"
#include "stated/v1/admin.pb-c.h"

/* The handlers; the call's state is the server. On the thread that received the call, where they
   wait for nothing, except ReadSnapshot: it takes no ticket, and a worker reads the file. */
enum stated_code admin_snapshot(struct stated_call *call,
                                const Stated__V1__SnapshotRequest *request,
                                Stated__V1__SnapshotResponse *response);
enum stated_code admin_check(struct stated_call *call, const Stated__V1__CheckRequest *request,
                             Stated__V1__CheckResponse *response);
enum stated_code admin_job(struct stated_call *call, const Stated__V1__JobRequest *request,
                           Stated__V1__JobResponse *response);
enum stated_code admin_admit_read_snapshot(struct stated_call *call,
                                           const Stated__V1__ReadSnapshotRequest *request,
                                           struct stated_admission *admission);
enum stated_code admin_read_snapshot(struct stated_call *call,
                                     const Stated__V1__ReadSnapshotRequest *request,
                                     Stated__V1__ReadSnapshotResponse *response);
enum stated_code admin_end_job(struct stated_call *call, const Stated__V1__EndJobRequest *request,
                               Stated__V1__EndJobResponse *response);

#endif
