/* What the files of a feed say; ../README.md has the rules. Knows nothing of the contract. */
#ifndef FEED_H
#define FEED_H

#include <stdio.h>

#include "arrow.h"

/* A dead letter holds 1 MiB, and a byte that is not UTF-8 takes three there. */
#define LINE_BYTES_MAX (256 << 10)

/* A table, and rows of it. */
struct table {
    char *name;
    struct column *columns; /* one more than `count`: the last is `_op`, which changes have */
    bool *in_key;
    size_t count;
    uint64_t begin; /* the byte at which its rows begin */
};

/* A line of a file. */
struct line {
    char *text; /* with a zero behind it */
    size_t length;
    uint64_t at, behind; /* the bytes at which it and the next one begin */
};

enum found { LINE, NO_LINE, LINE_TOO_LONG };

/* Why something is not as it should be, for a person. */
typedef char reason[256];

/* The next line, from `line->behind` on, where the file stands. Of a file that is growing the last line counts once it has
 * its end. */
enum found next_line(FILE *file, struct line *line, bool growing);

/* The table of a header; false with the reason. */
bool table_parse(struct table *table, const char *name, const struct line *header, reason why);
void table_free(struct table *table);

/* Adds the row of a line, or the change of one; false with the reason, and then nothing was added. */
bool table_add(struct table *table, const struct line *line, bool is_change, reason why);

/* How many bytes of a text are UTF-8. */
size_t utf8(const char *text, size_t length);

char *copied(const char *text, size_t length);

#endif
