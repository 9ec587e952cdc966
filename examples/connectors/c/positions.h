/* Positions: how many bytes of each table's changes were read. */
#ifndef POSITIONS_H
#define POSITIONS_H

#include "arrow.h"

struct offset {
    char *table;
    uint64_t bytes;
};

struct offsets {
    struct offset *all;
    size_t count;
};

/* False where `offsets_pack` made no such position. */
bool offsets_unpack(struct offsets *offsets, const uint8_t *position, size_t length);
struct bytes offsets_pack(const struct offsets *offsets);
/* The offset of a table, which begins at none. */
uint64_t *offset_of(struct offsets *offsets, const char *table);
void offsets_free(struct offsets *offsets);

#endif
