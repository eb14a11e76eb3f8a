/* A transaction as text: one guard or mutation a line. The grammar is in cmd_txn.c's help. */
#ifndef STATED_STATECTL_TXN_TEXT_H
#define STATED_STATECTL_TXN_TEXT_H

#include "statectl/ctl.h"

#include "stated/v1/state.pb-c.h"

/* Reads the text; values that are in files are read too, which connects to learn the limit.
   EXIT_DONE, and *request is to free with its free_unpacked(…, NULL); else the exit code after
   saying which line is wrong and what was expected there, and *request is NULL. Main thread. */
int txn_text_parse(struct ctl *ctl, ProtobufCBinaryData text,
                   Stated__V1__WriteRequest **request) STATED_MUST_USE;

#endif
