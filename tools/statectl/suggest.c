/* The restricted Damerau-Levenshtein distance, on three rows of its table. */
#include "statectl/suggest.h"

#include <string.h>

enum { MAX_LENGTH = 32, MAX_DISTANCE = 2 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t distance(const char *left, const char *right)
{
    size_t rows[3][MAX_LENGTH + 1];
    size_t n = strlen(left);
    size_t m = strlen(right);
    if (n > MAX_LENGTH || m > MAX_LENGTH) {
        return MAX_LENGTH;
    }
    for (size_t j = 0; j <= m; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= n; i++) {
        const size_t *before = rows[(i + 1) % 3]; /* row i - 2 */
        const size_t *above = rows[(i - 1) % 3];
        size_t *row = rows[i % 3];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t wrong = left[i - 1] != right[j - 1];
            row[j] = least(above[j - 1] + wrong, least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1]) {
                row[j] = least(row[j], before[j - 2] + 1);
            }
        }
    }
    return rows[n % 3][m];
}

const char *suggest(const char *name, const char *const *names, size_t n)
{
    const char *best = NULL;
    size_t best_distance = MAX_DISTANCE + 1;
    for (size_t i = 0; i < n; i++) {
        size_t found = distance(name, names[i]);
        if (found < best_distance && 2 * found < strlen(names[i]) + 1) {
            best = names[i];
            best_distance = found;
        }
    }
    return best;
}
