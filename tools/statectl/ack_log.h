/* A file with each key that the server has acknowledged, so that a test can hold it to that. */
#ifndef STATED_STATECTL_ACK_LOG_H
#define STATED_STATECTL_ACK_LOG_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdio.h>

/* Opens it to append. NULL after saying why it cannot be. To fclose. */
FILE *ack_log_open(const char *path);

/* Appends the key, as a line with a JSON string, or with {"key_base64":…} when it is not UTF-8. */
void ack_log_append(FILE *file, ProtobufCBinaryData key);

/* Hands what was appended to the system, where it survives the end of this process. False, with
   errno, when something could not be written. */
bool ack_log_flush(FILE *file);

#endif
