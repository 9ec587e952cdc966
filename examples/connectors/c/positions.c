#include "positions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "feed.h"

/* In front of each position, so that a later form of it can be told from this one. */
static const char VERSION[] = "1\n";

uint64_t *offset_of(struct offsets *offsets, const char *table) {
    for (size_t at = 0; at < offsets->count; at++) {
        if (strcmp(offsets->all[at].table, table) == 0) return &offsets->all[at].bytes;
    }
    struct offset *all = realloc(offsets->all, (offsets->count + 1) * sizeof *all);
    if (!all) abort();
    offsets->all = all;
    all[offsets->count] = (struct offset){copied(table, strlen(table)), 0};
    return &all[offsets->count++].bytes;
}

/* Lines of `OFFSET TABLE` behind the version. */
static bool lines_unpack(struct offsets *offsets, char *line) {
    while (*line) {
        char *end = strchr(line, '\n'), *space = strchr(line, ' ');
        if (!end || !space || space > end || space == line || strspn(line, "0123456789") != (size_t)(space - line)) {
            return false;
        }
        *end = 0;
        *offset_of(offsets, space + 1) = strtoull(line, NULL, 10);
        line = end + 1;
    }
    return true;
}

bool offsets_unpack(struct offsets *offsets, const uint8_t *position, size_t length) {
    *offsets = (struct offsets){0};
    char *text = copied((const char *)position, length);
    size_t version = strlen(VERSION);
    bool good = strncmp(text, VERSION, version) == 0 && lines_unpack(offsets, text + version);
    free(text);
    return good;
}

struct bytes offsets_pack(const struct offsets *offsets) {
    struct bytes position = {0};
    bytes_add(&position, VERSION, strlen(VERSION));
    for (size_t at = 0; at < offsets->count; at++) {
        const struct offset *offset = &offsets->all[at];
        char number[32];
        if (!offset->bytes) continue;
        int length = snprintf(number, sizeof number, "%llu ", (unsigned long long)offset->bytes);
        bytes_add(&position, number, (size_t)length);
        bytes_add(&position, offset->table, strlen(offset->table));
        bytes_add(&position, "\n", 1);
    }
    return position;
}

void offsets_free(struct offsets *offsets) {
    for (size_t at = 0; at < offsets->count; at++) free(offsets->all[at].table);
    free(offsets->all);
    *offsets = (struct offsets){0};
}
