/* Rows of a feed for one answer, as many as that may have. */
#ifndef READING_H
#define READING_H

#include "feed.h"
#include "words.h"

struct answer {
    uint32_t rows_max;
    uint64_t bytes_max;
    uint32_t lines;
    uint64_t bytes;
    bool full; /* there is more than the answer may have */
    SOURCE(list_dead_letter_t) rejected;
};

/* Reads rows of a table on from a byte of a file, which is moved behind what was read; false with the failure. */
bool answer_read(struct answer *answer, struct table *table, const char *path, uint64_t *offset, bool is_change,
    failure_t *failure);

/* What comes behind the last slash of a path. */
const char *file_name(const char *path);

#endif
