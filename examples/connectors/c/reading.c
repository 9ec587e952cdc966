#include "reading.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* What a row takes in the batch format, at most: its texts, and 8 bytes, an offset and bits for each value. */
static uint64_t weight(const struct table *table, const struct line *line) {
    return line->length + 13 * table->count + 1;
}

static void reject(struct answer *answer, const struct table *table, const char *path, const struct line *line,
    bool is_change, const char *why) {
    size_t count = answer->rejected.len + 1;
    SOURCE(dead_letter_t) *letters = realloc(answer->rejected.ptr, count * sizeof *letters);
    if (!letters) abort();
    letters[count - 1] = (SOURCE(dead_letter_t)){
        .table = text(table->name),
        .operation = text(is_change ? "unknown" : "insert"),
        .payload = lossy(line->text, line->length),
        .code = text("malformed-row"),
        .message = text(why),
        .origin = format("%s, byte %llu", file_name(path), (unsigned long long)line->at),
    };
    answer->rejected = (SOURCE(list_dead_letter_t)){letters, count};
}

bool answer_read(struct answer *answer, struct table *table, const char *path, uint64_t *offset, bool is_change,
    failure_t *failure) {
    FILE *file = fopen(path, "rb");
    if (!file || fseeko(file, (off_t)*offset, SEEK_SET) != 0) {
        text_t message = format("%s cannot be read: %s", file_name(path), strerror(errno));
        if (file) fclose(file);
        return fail(failure, "retry", "unreadable-file", NULL, message);
    }
    struct line line = {.behind = *offset};
    enum found found;
    while ((found = next_line(file, &line, is_change)) == LINE) {
        uint64_t bytes = answer->bytes + weight(table, &line);
        /* The first is returned whatever it weighs. */
        answer->full = answer->lines && (answer->lines >= answer->rows_max || bytes > answer->bytes_max);
        if (answer->full) break;
        reason why;
        if (!table_add(table, &line, is_change, why)) reject(answer, table, path, &line, is_change, why);
        answer->lines++;
        answer->bytes = bytes;
        *offset = line.behind;
    }
    free(line.text);
    bool broken = ferror(file);
    fclose(file);
    if (broken) {
        return fail(failure, "retry", "unreadable-file", NULL, format("%s cannot be read on", file_name(path)));
    }
    if (found == LINE_TOO_LONG) {
        return fail(failure, "stop", "line-too-long", table->name, format("%s has a line of more than %d bytes at byte %llu",
            file_name(path), LINE_BYTES_MAX, (unsigned long long)*offset));
    }
    return true;
}
