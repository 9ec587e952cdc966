#include "feed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const TYPES[] = {"bigint", "boolean", "double", "string"};
static const char *const OPERATIONS[] = {"insert", "update", "delete"};
enum { DELETE = 2 };

/* A part of a line. */
struct cell {
    const char *text;
    size_t length;
};

static void *some(size_t count, size_t size) {
    void *memory = calloc(count ? count : 1, size);
    if (!memory) abort();
    return memory;
}

char *copied(const char *text, size_t length) {
    char *copy = some(length + 1, 1);
    memcpy(copy, text, length);
    return copy;
}

/* --- Lines --------------------------------------------------------------------------------------- */

enum found next_line(FILE *file, struct line *line, bool growing) {
    if (!line->text) line->text = some(LINE_BYTES_MAX + 2, 1);
    size_t length = 0;
    int byte;
    while ((byte = getc(file)) != EOF && byte != '\n') {
        if (length == LINE_BYTES_MAX) return LINE_TOO_LONG;
        line->text[length++] = (char)byte;
    }
    if (byte == EOF && (growing || length == 0)) return NO_LINE;
    line->text[length] = 0;
    line->length = length;
    line->at = line->behind;
    line->behind += length + (byte == '\n');
    return LINE;
}

size_t utf8(const char *text, size_t length) {
    const unsigned char *bytes = (const unsigned char *)text;
    size_t at = 0;
    while (at < length) {
        unsigned char first = bytes[at];
        size_t more = first < 0x80 ? 0 : first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
        if ((first >= 0x80 && first < 0xC2) || first > 0xF4 || at + more >= length) return at;
        for (size_t next = 1; next <= more; next++) {
            if (bytes[at + next] >> 6 != 2) return at;
        }
        unsigned char second = more ? bytes[at + 1] : 0;
        /* Longer than needed, halves of a pair, and behind the last character. */
        if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F)) return at;
        if ((first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) return at;
        at += more + 1;
    }
    return length;
}

/* Cuts at tabs, up to `most` cells; how many there are. */
static size_t cut(const char *text, size_t length, struct cell *cells, size_t most) {
    size_t count = 0, begin = 0;
    for (size_t at = 0; at <= length; at++) {
        if (at < length && text[at] != '\t') continue;
        if (count < most) cells[count] = (struct cell){text + begin, at - begin};
        begin = at + 1;
        count++;
    }
    return count;
}

static bool is(struct cell cell, const char *word) {
    return strlen(word) == cell.length && memcmp(cell.text, word, cell.length) == 0;
}

/* --- Headers ------------------------------------------------------------------------------------- */

static bool column_parse(struct table *table, struct cell cell) {
    size_t length = cell.length;
    bool in_key = length >= 4 && memcmp(cell.text + length - 4, ":key", 4) == 0;
    if (in_key) length -= 4;
    size_t colon = length;
    while (colon > 0 && cell.text[colon - 1] != ':') colon--;
    if (colon < 2 || memchr(cell.text, 0, length)) return false;
    struct cell type = {cell.text + colon, length - colon}, name = {cell.text, colon - 1};
    for (size_t known = 0; known < table->count; known++) {
        if (is(name, table->columns[known].name)) return false;
    }
    for (int each = BIGINT; each <= STRING; each++) {
        if (!is(type, TYPES[each])) continue;
        struct column column = {.name = copied(name.text, name.length), .type = (enum type)each};
        table->columns[table->count] = column;
        table->in_key[table->count++] = in_key;
        return true;
    }
    return false;
}

bool table_parse(struct table *table, const char *name, const struct line *header, reason why) {
    size_t count = cut(header->text, header->length, NULL, 0);
    *table = (struct table){.name = copied(name, strlen(name)), .begin = header->behind};
    table->columns = some(count + 1, sizeof *table->columns);
    table->in_key = some(count, sizeof *table->in_key);
    struct cell *cells = some(count, sizeof *cells);
    cut(header->text, header->length, cells, count);
    bool good = utf8(header->text, header->length) == header->length;
    if (!good) snprintf(why, sizeof(reason), "it is not UTF-8");
    for (size_t at = 0; good && at < count; at++) {
        good = column_parse(table, cells[at]);
        if (!good) snprintf(why, sizeof(reason), "column %zu is no NAME:TYPE or NAME:TYPE:key of a new name; types are "
            "bigint, boolean, double, string", at + 1);
    }
    free(cells);
    table->columns[table->count] = (struct column){.name = copied("_op", 3), .type = OPERATION};
    return good;
}

void table_free(struct table *table) {
    for (size_t at = 0; table->columns && at <= table->count; at++) {
        column_clear(&table->columns[at]);
        free(table->columns[at].name);
    }
    free(table->columns);
    free(table->in_key);
    free(table->name);
    *table = (struct table){0};
}

/* --- Rows ---------------------------------------------------------------------------------------- */

static size_t digits(const char *text) {
    return strspn(text, "0123456789");
}

/* Numbers as ../README.md has them, which is less than what C reads as one. Text ends with a tab or a zero. */
static bool is_number(struct cell cell, bool floating) {
    const char *at = cell.text + (cell.length && cell.text[0] == '-');
    if (floating && (is(cell, "NaN") || is(cell, "Infinity") || is(cell, "-Infinity"))) return true;
    size_t whole = digits(at);
    at += whole;
    if (!floating) return whole > 0 && whole <= 19 && at == cell.text + cell.length;
    if (!whole) return false;
    if (*at == '.') {
        if (!digits(at + 1)) return false;
        at += 1 + digits(at + 1);
    }
    if (*at == 'e' || *at == 'E') {
        at += at[1] == '+' || at[1] == '-' ? 2 : 1;
        if (!digits(at)) return false;
        at += digits(at);
    }
    return at == cell.text + cell.length;
}

static bool unescaped(struct cell cell, struct bytes *text) {
    static const char letters[] = "\\tnr", meant[] = "\\\t\n\r";
    for (size_t at = 0; at < cell.length; at++) {
        const char *byte = cell.text + at;
        if (*byte == '\\') {
            const char *letter = ++at < cell.length ? strchr(letters, cell.text[at]) : NULL;
            if (!letter || !*letter) return false;
            byte = meant + (letter - letters);
        }
        bytes_add(text, byte, 1);
    }
    return true;
}

static bool value_parse(enum type type, struct cell cell, struct value *value) {
    value->is_null = is(cell, "\\N");
    if (value->is_null) return true;
    switch (type) {
    case STRING: return unescaped(cell, &value->text);
    case BOOLEAN: value->whole = is(cell, "true"); return value->whole || is(cell, "false");
    case BIGINT:
        errno = 0;
        value->whole = is_number(cell, false) ? strtoll(cell.text, NULL, 10) : 0;
        return is_number(cell, false) && errno == 0;
    case DOUBLE: value->floating = is_number(cell, true) ? strtod(cell.text, NULL) : 0; return is_number(cell, true);
    case OPERATION: break;
    }
    return false;
}

/* Parses the cells of the columns that are there: all, or those of the key. */
static bool values_parse(const struct table *table, const struct cell *cells, bool key_alone, struct value *values,
    reason why) {
    for (size_t at = 0, next = 0; at < table->count; at++) {
        values[at].is_null = true;
        if (key_alone && !table->in_key[at]) continue;
        const char *name = table->columns[at].name;
        if (!value_parse(table->columns[at].type, cells[next++], &values[at])) {
            snprintf(why, sizeof(reason), "%.128s is no %s as a feed has it", name, TYPES[table->columns[at].type]);
            return false;
        }
        if (values[at].is_null && table->in_key[at]) {
            snprintf(why, sizeof(reason), "%.128s is of the key and has no value", name);
            return false;
        }
    }
    return true;
}

static size_t key_length(const struct table *table) {
    size_t length = 0;
    for (size_t at = 0; at < table->count; at++) length += table->in_key[at];
    return length;
}

/* The number of an operation by its name, or -1. */
static int operation(struct cell cell) {
    for (int each = 0; each <= DELETE; each++) {
        if (is(cell, OPERATIONS[each])) return each;
    }
    return -1;
}

static bool row_parse(const struct table *table, const struct line *line, bool is_change, const struct cell *cells,
    size_t count, struct value *values, reason why) {
    size_t good = utf8(line->text, line->length);
    if (good != line->length) {
        snprintf(why, sizeof(reason), "byte %zu of the line is not UTF-8", good);
        return false;
    }
    int what = is_change ? operation(cells[0]) : 0;
    bool key_alone = what == DELETE;
    if (what < 0 || (key_alone && !key_length(table))) {
        snprintf(why, sizeof(reason), what < 0 ? "a change is one of insert, update, delete"
            : "a table without a key has no row that could be deleted");
        return false;
    }
    size_t wanted = key_alone ? key_length(table) : table->count;
    if (count - is_change != wanted) {
        snprintf(why, sizeof(reason), "%zu values instead of %zu", count - is_change, wanted);
        return false;
    }
    values[table->count] = (struct value){.whole = what};
    return values_parse(table, cells + is_change, key_alone, values, why);
}

bool table_add(struct table *table, const struct line *line, bool is_change, reason why) {
    size_t most = table->count + 1;
    struct cell *cells = some(most, sizeof *cells);
    struct value *values = some(most, sizeof *values);
    size_t count = cut(line->text, line->length, cells, most);
    bool good = row_parse(table, line, is_change, cells, count, values, why);
    for (size_t at = 0; good && at < table->count + is_change; at++) column_add(&table->columns[at], &values[at]);
    for (size_t at = 0; at < most; at++) bytes_free(&values[at].text);
    free(cells);
    free(values);
    return good;
}
