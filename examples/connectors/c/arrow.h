/* Rows to the batch format: Arrow IPC messages, see wit/BATCH-FORMAT.md. Of its types those that a feed has.
 *
 * Memory that is asked for and not there ends the process: a component's host does the same to it. */
#ifndef ARROW_H
#define ARROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that grow. */
struct bytes {
    uint8_t *data;
    size_t length, room;
};

void bytes_add(struct bytes *bytes, const void *data, size_t length);
void bytes_free(struct bytes *bytes);

enum type { BIGINT, BOOLEAN, DOUBLE, STRING, OPERATION };

/* A value; which member counts is said by the type of its column. */
struct value {
    bool is_null;
    int64_t whole; /* also a boolean, and an operation */
    double floating;
    struct bytes text;
};

/* A column and its values. */
struct column {
    char *name;
    enum type type;
    size_t count, nulls;
    struct bytes validity; /* a bit for each value, the first one lowest */
    struct bytes values;   /* of texts their bytes */
    struct bytes offsets;  /* of texts alone */
};

void column_add(struct column *column, const struct value *value);
/* Forgets the values, and keeps the name and the type. */
void column_clear(struct column *column);

/* The message that begins a table's rows. */
struct bytes schema_message(const struct column *columns, size_t count);
/* One message with the columns' values. */
struct bytes batch_message(const struct column *columns, size_t count);

#endif
