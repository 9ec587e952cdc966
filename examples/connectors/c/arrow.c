#include "arrow.h"

#include <stdlib.h>
#include <string.h>

/* Numbers of Arrow's Schema.fbs and Message.fbs. */
enum { VERSION_5 = 4, SCHEMA = 1, RECORD_BATCH = 3 };
enum { INT = 2, FLOATING_POINT = 3, UTF8 = 5, BOOL = 6, DOUBLE_PRECISION = 2 };

void bytes_add(struct bytes *bytes, const void *data, size_t length) {
    if (length > bytes->room - bytes->length) {
        size_t room = 2 * bytes->room + length + 64;
        uint8_t *grown = realloc(bytes->data, room);
        if (!grown) abort();
        bytes->data = grown;
        bytes->room = room;
    }
    if (length) memcpy(bytes->data + bytes->length, data, length);
    bytes->length += length;
}

void bytes_free(struct bytes *bytes) {
    free(bytes->data);
    *bytes = (struct bytes){0};
}

/* Zeros up to the next multiple; where that is. */
static size_t pad(struct bytes *out, size_t multiple) {
    static const uint8_t zeros[8];
    bytes_add(out, zeros, (multiple - out->length % multiple) % multiple);
    return out->length;
}

/* --- Columns ------------------------------------------------------------------------------------ */

static void add_bit(struct bytes *bits, size_t place, bool bit) {
    if (place % 8 == 0) bytes_add(bits, &(uint8_t){0}, 1);
    if (bit) bits->data[place / 8] |= (uint8_t)(1 << place % 8);
}

static void add_offset(struct column *column) {
    int32_t end = (int32_t)column->values.length;
    bytes_add(&column->offsets, &end, sizeof end);
}

void column_add(struct column *column, const struct value *value) {
    bool there = !value->is_null;
    add_bit(&column->validity, column->count, there);
    column->nulls += !there;
    int64_t whole = there ? value->whole : 0;
    double floating = there ? value->floating : 0;
    switch (column->type) {
    case BIGINT: bytes_add(&column->values, &whole, sizeof whole); break;
    case DOUBLE: bytes_add(&column->values, &floating, sizeof floating); break;
    case BOOLEAN: add_bit(&column->values, column->count, whole != 0); break;
    case OPERATION: bytes_add(&column->values, &(uint8_t){(uint8_t)whole}, 1); break;
    case STRING:
        if (column->count == 0) add_offset(column);
        if (there) bytes_add(&column->values, value->text.data, value->text.length);
        add_offset(column);
        break;
    }
    column->count++;
}

void column_clear(struct column *column) {
    column->count = column->nulls = 0;
    bytes_free(&column->validity);
    bytes_free(&column->values);
    bytes_free(&column->offsets);
}

/* --- Flatbuffers --------------------------------------------------------------------------------- */
/* Front to back: a table comes first and what it points to behind it, so an offset is filled in once its target has a
 * place. */

static void put(struct bytes *out, size_t at, const void *data, size_t length) {
    memcpy(out->data + at, data, length);
}

/* Makes the offset at one place point to another. */
static void point(struct bytes *out, size_t at, size_t target) {
    uint32_t distance = (uint32_t)(target - at);
    put(out, at, &distance, sizeof distance);
}

/* An empty table of this many slots, of which the widths are told (0: absent), widest first or aligned by themselves;
 * where each field is. */
static size_t table(struct bytes *out, size_t slots, const uint8_t *widths, size_t *fields) {
    uint16_t size = 4, places[8] = {0};
    for (size_t slot = 0; slot < slots; slot++) {
        if (!widths[slot]) continue;
        size = (uint16_t)((size + widths[slot] - 1) / widths[slot] * widths[slot]);
        places[slot] = size;
        size += widths[slot];
    }
    size_t vtable = pad(out, 2);
    uint16_t head[2] = {(uint16_t)(4 + 2 * slots), size};
    bytes_add(out, head, sizeof head);
    bytes_add(out, places, 2 * slots);
    size_t at = pad(out, 8);
    int32_t distance = (int32_t)(at - vtable);
    bytes_add(out, &distance, sizeof distance);
    for (uint16_t byte = 4; byte < size; byte++) bytes_add(out, &(uint8_t){0}, 1);
    for (size_t slot = 0; slot < slots; slot++) fields[slot] = at + places[slot];
    return at;
}

/* The beginning of a vector with this many elements, each of which begins at a multiple. */
static size_t vector(struct bytes *out, size_t count, size_t multiple) {
    while (out->length % multiple != (multiple - 4) % multiple) bytes_add(out, &(uint8_t){0}, 1);
    uint32_t length = (uint32_t)count;
    size_t at = out->length;
    bytes_add(out, &length, sizeof length);
    return at;
}

static size_t text(struct bytes *out, const char *text) {
    size_t at = vector(out, strlen(text), 4);
    bytes_add(out, text, strlen(text) + 1);
    return at;
}

/* --- Messages ------------------------------------------------------------------------------------ */

/* A message without its header, and where that is to be pointed to. */
static struct bytes begin(uint8_t kind, int64_t body, size_t *header) {
    struct bytes out = {0};
    uint64_t front[2] = {0};
    /* Marker and length of the metadata, then the flatbuffer, which counts its places from behind them. */
    bytes_add(&out, front, 8 + 4);
    size_t fields[4];
    size_t root = table(&out, 4, (uint8_t[]){2, 1, 4, 8}, fields);
    point(&out, 8, root);
    put(&out, fields[0], &(int16_t){VERSION_5}, 2);
    put(&out, fields[1], &kind, 1);
    put(&out, fields[3], &body, 8);
    *header = fields[2];
    return out;
}

static void end(struct bytes *out) {
    pad(out, 8);
    uint32_t front[2] = {0xFFFFFFFF, (uint32_t)(out->length - 8)};
    put(out, 0, front, sizeof front);
}

/* The number of a type, and a table that says more of it. */
static uint8_t type_table(struct bytes *out, enum type type, size_t pointer) {
    size_t fields[2];
    static const uint8_t none[1];
    switch (type) {
    case BIGINT:
    case OPERATION: {
        point(out, pointer, table(out, 2, (uint8_t[]){4, 1}, fields));
        int32_t bits = type == BIGINT ? 64 : 8;
        put(out, fields[0], &bits, 4);
        put(out, fields[1], &(uint8_t){type == BIGINT}, 1);
        return INT;
    }
    case DOUBLE:
        point(out, pointer, table(out, 1, (uint8_t[]){2}, fields));
        put(out, fields[0], &(int16_t){DOUBLE_PRECISION}, 2);
        return FLOATING_POINT;
    case BOOLEAN: point(out, pointer, table(out, 0, none, fields)); return BOOL;
    case STRING: point(out, pointer, table(out, 0, none, fields)); return UTF8;
    }
    abort();
}

struct bytes schema_message(const struct column *columns, size_t count) {
    size_t header, fields[6];
    struct bytes out = begin(SCHEMA, 0, &header);
    point(&out, header, table(&out, 2, (uint8_t[]){2, 4}, fields));
    size_t list = vector(&out, count, 4);
    point(&out, fields[1], list);
    for (size_t at = 0; at < count; at++) bytes_add(&out, &(uint32_t){0}, 4);
    for (size_t at = 0; at < count; at++) {
        /* name, nullable, type's number, type, dictionary, children */
        point(&out, list + 4 + 4 * at, table(&out, 6, (uint8_t[]){4, 1, 1, 4, 0, 4}, fields));
        point(&out, fields[0], text(&out, columns[at].name));
        /* Every column may be null but `_op`, since a delete has only its key. */
        put(&out, fields[1], &(uint8_t){columns[at].type != OPERATION}, 1);
        uint8_t number = type_table(&out, columns[at].type, fields[3]);
        put(&out, fields[2], &number, 1);
        point(&out, fields[5], vector(&out, 0, 4));
    }
    end(&out);
    return out;
}

/* Adds a buffer to the body, and its place in that to the list. */
static void add_buffer(struct bytes *buffers, struct bytes *body, const struct bytes *buffer) {
    int64_t place[2] = {(int64_t)body->length, (int64_t)buffer->length};
    bytes_add(buffers, place, sizeof place);
    bytes_add(body, buffer->data, buffer->length);
    pad(body, 8);
}

struct bytes batch_message(const struct column *columns, size_t count) {
    struct bytes nodes = {0}, buffers = {0}, body = {0}, none = {0};
    for (size_t at = 0; at < count; at++) {
        const struct column *column = &columns[at];
        int64_t node[2] = {(int64_t)column->count, (int64_t)column->nulls};
        bytes_add(&nodes, node, sizeof node);
        /* No bitmap means that no value is null. */
        add_buffer(&buffers, &body, column->nulls ? &column->validity : &none);
        if (column->type == STRING) {
            struct bytes first = {(uint8_t[4]){0}, 4, 4};
            add_buffer(&buffers, &body, column->count ? &column->offsets : &first);
        }
        add_buffer(&buffers, &body, &column->values);
    }
    size_t header, fields[3];
    struct bytes out = begin(RECORD_BATCH, (int64_t)body.length, &header);
    point(&out, header, table(&out, 3, (uint8_t[]){8, 4, 4}, fields));
    int64_t rows = count ? (int64_t)columns[0].count : 0;
    put(&out, fields[0], &rows, 8);
    point(&out, fields[1], vector(&out, nodes.length / 16, 8));
    bytes_add(&out, nodes.data, nodes.length);
    point(&out, fields[2], vector(&out, buffers.length / 16, 8));
    bytes_add(&out, buffers.data, buffers.length);
    end(&out);
    bytes_add(&out, body.data, body.length);
    bytes_free(&nodes);
    bytes_free(&buffers);
    bytes_free(&body);
    return out;
}
