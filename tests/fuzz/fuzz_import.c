/* Any bytes as a line of an import: a refusal that says why, or an entry that comes out of an
   export as it went in. */
#include "fuzz.h"

#include "statectl/json.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool same(ProtobufCBinaryData a, ProtobufCBinaryData b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static void check_accepted(const struct json_pair *pair)
{
    FUZZ_CHECK(pair->key.len >= 1 && pair->key.len <= 480);
    Stated__V1__Entry entry = STATED__V1__ENTRY__INIT;
    entry.key = pair->key;
    entry.value = pair->value;
    json_t *root = json_of_pair(&entry);
    char *line = json_dumps(root, JSON_COMPACT);
    FUZZ_CHECK(line);
    struct json_pair again;
    char problem[JSON_PROBLEM_BYTES] = "";
    FUZZ_CHECK(json_pair_parse(&again, line, strlen(line), problem));
    FUZZ_CHECK(same(again.key, pair->key) && same(again.value, pair->value));
    json_pair_free(&again);
    free(line);
    json_decref(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    struct json_pair pair;
    char problem[JSON_PROBLEM_BYTES] = "";
    if (json_pair_parse(&pair, (const char *)data, length, problem)) {
        check_accepted(&pair);
        json_pair_free(&pair);
    } else {
        FUZZ_CHECK(problem[0] != '\0' && memchr(problem, '\0', sizeof problem));
    }
    return 0;
}
