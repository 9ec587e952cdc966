#define _GNU_SOURCE
#include "connection.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

SOURCE(connection_t) *connection_open(char *root) {
    SOURCE(connection_t) *self = calloc(1, sizeof *self);
    if (!self) abort();
    self->root = root;
    return self;
}

static void unselect(SOURCE(connection_t) *self) {
    for (size_t at = 0; at < self->selected_count; at++) free(self->selected[at]);
    free(self->selected);
}

void connection_close(SOURCE(connection_t) *self) {
    for (size_t at = 0; at < self->sent_count; at++) bytes_free(&self->sent[at]);
    unselect(self);
    free(self->sent);
    free(self->root);
    free(self);
}

static int by_name(const void *one, const void *other) {
    return strcmp(*(char *const *)one, *(char *const *)other);
}

void connection_select(SOURCE(connection_t) *self, source_connector_list_string_t *tables) {
    unselect(self);
    self->selected = calloc(tables->len + 1, sizeof *self->selected);
    if (!self->selected) abort();
    for (size_t at = 0; at < tables->len; at++) {
        self->selected[at] = copied((char *)tables->ptr[at].ptr, tables->ptr[at].len);
    }
    self->selected_count = tables->len;
    qsort(self->selected, tables->len, sizeof *self->selected, by_name);
    source_connector_list_string_free(tables);
}

char *path_of(const SOURCE(connection_t) *self, const char *schema, const char *table, const char *suffix) {
    char *path = NULL;
    if (asprintf(&path, "%s/%s/%s%s", self->root, schema, table, suffix) < 0) abort();
    return path;
}

static bool ends_with(const char *name, const char *suffix) {
    size_t length = strlen(name), end = strlen(suffix);
    return length >= end && strcmp(name + length - end, suffix) == 0;
}

bool table_names(const SOURCE(connection_t) *self, const char *schema, char ***names, size_t *count, failure_t *failure) {
    char *path = path_of(self, schema, "", "");
    DIR *folder = opendir(path);
    free(path);
    if (!folder) {
        return fail(failure, "config", "no-such-schema", NULL,
            format("the feed has no folder '%s'; each schema is one", schema));
    }
    struct dirent *entry;
    while ((entry = readdir(folder))) {
        if (!ends_with(entry->d_name, ROWS) || ends_with(entry->d_name, CHANGES)) continue;
        char **more = realloc(*names, (*count + 1) * sizeof *more);
        if (!more) abort();
        *names = more;
        more[(*count)++] = copied(entry->d_name, strlen(entry->d_name) - strlen(ROWS));
    }
    closedir(folder);
    qsort(*names, *count, sizeof **names, by_name);
    return true;
}

bool table_open(const SOURCE(connection_t) *self, const char *schema, const char *name, struct table *table,
    failure_t *failure) {
    char *path = path_of(self, schema, name, ROWS);
    FILE *file = fopen(path, "rb");
    struct line header = {0};
    reason why = "it has no first line, or a long one";
    *table = (struct table){0};
    if (!file) snprintf(why, sizeof why, "%s", strerror(errno));
    bool good = file && next_line(file, &header, false) == LINE && table_parse(table, name, &header, why);
    if (file) fclose(file);
    if (!good) {
        table_free(table);
        fail(failure, "config", "malformed-table", name, format("the header of %s: %s", file_name(path), why));
    }
    free(header.text);
    free(path);
    return good;
}

bool bytes_unread(const SOURCE(connection_t) *self, const char *schema, const char *table, uint64_t offset,
    uint64_t *unread, failure_t *failure) {
    char *path = path_of(self, schema, table, CHANGES);
    struct stat found;
    /* One that is not there has no changes yet. */
    uint64_t size = stat(path, &found) == 0 ? (uint64_t)found.st_size : 0;
    bool good = size >= offset;
    *unread = good ? size - offset : 0;
    if (!good) {
        fail(failure, "resync", "feed-rewritten", table,
            format("%s has %llu bytes, and %llu were read: %s has to be copied again", file_name(path),
                (unsigned long long)size, (unsigned long long)offset, table));
    }
    free(path);
    return good;
}

/* The id of a schema message, and whether it is a new one. Takes the message. */
static size_t sent(SOURCE(connection_t) *self, struct bytes *message, bool *is_new) {
    for (size_t id = 0; id < self->sent_count; id++) {
        struct bytes *known = &self->sent[id];
        *is_new = known->length != message->length || memcmp(known->data, message->data, known->length) != 0;
        if (!*is_new) {
            bytes_free(message);
            return id;
        }
    }
    struct bytes *more = realloc(self->sent, (self->sent_count + 1) * sizeof *more);
    if (!more) abort();
    self->sent = more;
    *is_new = true;
    more[self->sent_count] = *message;
    return self->sent_count++;
}

bool batch_of(SOURCE(connection_t) *self, struct table *table, bool is_change, cartridge_warp_types_table_batch_t *batch) {
    size_t rows = table->columns[0].count, columns = table->count + is_change;
    if (rows == 0) return false;
    struct bytes message = schema_message(table->columns, columns);
    bool is_new;
    size_t id = sent(self, &message, &is_new);
    *batch = (cartridge_warp_types_table_batch_t){
        .table = text(table->name),
        .schema_id = format("%zu", id),
        .rows = list(batch_message(table->columns, columns)),
        .row_count = (uint32_t)rows,
    };
    if (is_new) {
        struct bytes copy = {0};
        bytes_add(&copy, self->sent[id].data, self->sent[id].length);
        batch->arrow_schema = (source_connector_option_list_u8_t){true, list(copy)};
    }
    return true;
}
