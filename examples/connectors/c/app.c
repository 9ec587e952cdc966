/* The connector: it says in the contract's words what the other files read. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "connection.h"

static const uint64_t POLL_MS = 50;

static source_connector_list_string_t texts(const char *const *words, size_t count) {
    text_t *all = calloc(count, sizeof *all);
    if (!all) abort();
    for (size_t at = 0; at < count; at++) all[at] = text(words[at]);
    return (source_connector_list_string_t){all, count};
}

void SOURCE(describe)(SOURCE(connector_info_t) *info) {
    cartridge_warp_types_wanted_grant_t *grant = calloc(1, sizeof *grant);
    if (!grant) abort();
    *grant = (cartridge_warp_types_wanted_grant_t){
        text("read-directory"), text("${connection_string}"), text("the feed's files are there")};
    *info = (SOURCE(connector_info_t)){
        .name = text("feed"),
        .role = text("source"),
        .version = text("0.1.0"),
        .description = text("Tab-separated files of rows, and of what changed since"),
        .capabilities = texts((const char *const[]){"change-detection:log", "exact-snapshot"}, 2),
        .options_schema = text("{\"type\": \"object\", \"additionalProperties\": false}"),
        .wanted_grants = {grant, 1},
    };
}

bool SOURCE(connect)(SOURCE(connect_config_t) *config, SOURCE(own_connection_t) *made, failure_t *failure) {
    char *root = NULL;
    for (size_t at = 0; at < config->paths.len && !root; at++) {
        cartridge_warp_types_granted_path_t *path = &config->paths.ptr[at];
        struct stat found;
        char *key = copied((char *)path->key.ptr, path->key.len);
        char *guest = copied((char *)path->guest_path.ptr, path->guest_path.len);
        if (strcmp(key, "connection_string") == 0 && stat(guest, &found) == 0 && S_ISDIR(found.st_mode)) {
            root = guest;
        } else {
            free(guest);
        }
        free(key);
    }
    text_t told = format("'%.*s' is no directory that can be read", (int)config->connection_string.len,
        (const char *)config->connection_string.ptr);
    SOURCE(connect_config_free)(config);
    if (!root) return fail(failure, "config", "no-feed", NULL, told);
    source_connector_string_free(&told);
    *made = SOURCE(connection_new)(connection_open(root));
    return true;
}

void SOURCE(connection_destructor)(SOURCE(connection_t) *self) {
    connection_close(self);
}

bool METHOD(test_connection)(SOURCE(connection_t) *self, failure_t *failure) {
    (void)self, (void)failure;
    return true;
}

bool METHOD(identify)(SOURCE(connection_t) *self, text_t *schema, source_connector_option_string_t *ret, failure_t *failure) {
    (void)self, (void)failure;
    source_connector_string_free(schema);
    *ret = (source_connector_option_string_t){0};
    return true;
}

bool METHOD(get_schema)(SOURCE(connection_t) *self, text_t *schema, SOURCE(list_table_info_t) *ret, failure_t *failure) {
    char *schema_name = taken(schema), **names = NULL;
    size_t count = 0;
    *ret = (SOURCE(list_table_info_t)){0};
    bool good = table_names(self, schema_name, &names, &count, failure);
    ret->ptr = calloc(count + 1, sizeof *ret->ptr);
    if (!ret->ptr) abort();
    for (size_t at = 0; good && at < count; at++) {
        struct table table;
        good = table_open(self, schema_name, names[at], &table, failure);
        if (!good) break;
        const char **key = calloc(table.count + 1, sizeof *key);
        if (!key) abort();
        size_t length = 0;
        for (size_t column = 0; column < table.count; column++) {
            if (table.in_key[column]) key[length++] = table.columns[column].name;
        }
        ret->ptr[ret->len++] = (cartridge_warp_types_table_info_t){
            .name = text(names[at]),
            .arrow_schema = list(schema_message(table.columns, table.count)),
            .key = texts(key, length),
        };
        free(key);
        table_free(&table);
    }
    for (size_t at = 0; at < count; at++) free(names[at]);
    free(names);
    free(schema_name);
    if (!good) SOURCE(list_table_info_free)(ret);
    return good;
}

bool METHOD(select_tables)(SOURCE(connection_t) *self, text_t *schema, source_connector_list_string_t *tables,
    failure_t *failure) {
    (void)failure;
    source_connector_string_free(schema);
    connection_select(self, tables);
    return true;
}

/* The offsets of a position, which is freed. */
static bool offsets_taken(SOURCE(position_t) *position, struct offsets *offsets, failure_t *failure) {
    bool good = offsets_unpack(offsets, position->ptr, position->len);
    SOURCE(position_free)(position);
    if (!good) {
        offsets_free(offsets);
        fail(failure, "stop", "unreadable-position", NULL, text("this is no position of this connector"));
    }
    return good;
}

static SOURCE(position_t) position_of(const struct offsets *offsets) {
    struct bytes packed = offsets_pack(offsets);
    return (SOURCE(position_t)){packed.data, packed.length};
}

bool METHOD(check_position)(SOURCE(connection_t) *self, text_t *schema, SOURCE(position_t) *after, failure_t *failure) {
    char *schema_name = taken(schema);
    struct offsets offsets;
    bool good = offsets_taken(after, &offsets, failure);
    for (size_t at = 0; good && at < self->selected_count; at++) {
        uint64_t unread;
        const char *table = self->selected[at];
        good = bytes_unread(self, schema_name, table, *offset_of(&offsets, table), &unread, failure);
    }
    offsets_free(&offsets);
    free(schema_name);
    return good;
}

bool METHOD(current_position)(SOURCE(connection_t) *self, text_t *schema, SOURCE(position_t) *ret, failure_t *failure) {
    (void)self, (void)failure;
    source_connector_string_free(schema);
    /* What changed since the rows were written is what the files of changes have, from their beginning. */
    *ret = position_of(&(struct offsets){0});
    return true;
}

bool METHOD(renew_tables)(SOURCE(connection_t) *self, text_t *schema, SOURCE(position_t) *position,
    source_connector_list_string_t *tables, SOURCE(position_t) *ret, failure_t *failure) {
    (void)self;
    source_connector_string_free(schema);
    struct offsets offsets;
    bool good = offsets_taken(position, &offsets, failure);
    for (size_t at = 0; good && at < tables->len; at++) {
        char *table = copied((char *)tables->ptr[at].ptr, tables->ptr[at].len);
        *offset_of(&offsets, table) = 0;
        free(table);
    }
    source_connector_list_string_free(tables);
    if (good) *ret = position_of(&offsets);
    offsets_free(&offsets);
    return good;
}

bool METHOD(plan_snapshot)(SOURCE(connection_t) *self, text_t *schema, text_t *table, SOURCE(position_t) *start,
    uint32_t target_chunks, SOURCE(list_chunk_t) *ret, failure_t *failure) {
    (void)self, (void)target_chunks, (void)failure;
    source_connector_string_free(schema);
    source_connector_string_free(table);
    SOURCE(position_free)(start);
    SOURCE(chunk_t) *chunk = calloc(1, sizeof *chunk);
    if (!chunk) abort();
    chunk->id = text("all");
    *ret = (SOURCE(list_chunk_t)){chunk, 1};
    return true;
}

bool METHOD(get_full_snapshot)(SOURCE(connection_t) *self, text_t *schema, text_t *name, SOURCE(chunk_t) *chunk,
    source_connector_list_u8_t *cursor, SOURCE(limits_t) *limits, SOURCE(snapshot_batch_t) *ret, failure_t *failure) {
    char *schema_name = taken(schema), *table_name = taken(name);
    SOURCE(chunk_free)(chunk);
    *ret = (SOURCE(snapshot_batch_t)){0};
    struct table table;
    bool good = table_open(self, schema_name, table_name, &table, failure);
    if (good) {
        struct answer answer = {.rows_max = limits->rows_max, .bytes_max = limits->bytes_max};
        uint64_t offset = table.begin;
        if (cursor) {
            char *number = copied((char *)cursor->ptr, cursor->len);
            offset = strtoull(number, NULL, 10);
            free(number);
        }
        char *path = path_of(self, schema_name, table_name, ROWS);
        good = answer_read(&answer, &table, path, &offset, false, failure);
        free(path);
        if (good) {
            ret->rows.is_some = batch_of(self, &table, false, &ret->rows.val);
            ret->rejected = answer.rejected;
            ret->next_cursor.is_some = answer.full;
            text_t next = answer.full ? format("%llu", (unsigned long long)offset) : (text_t){0};
            ret->next_cursor.val = (source_connector_list_u8_t){next.ptr, next.len};
        } else {
            SOURCE(list_dead_letter_free)(&answer.rejected);
        }
        table_free(&table);
    }
    if (cursor) source_connector_list_u8_free(cursor);
    free(schema_name);
    free(table_name);
    return good;
}

static uint64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Reads on what one table has that is unread. */
static bool table_follow(SOURCE(connection_t) *self, const char *schema, const char *name, struct offsets *offsets,
    struct answer *answer, SOURCE(list_table_batch_t) *tables, failure_t *failure) {
    uint64_t *offset = offset_of(offsets, name), unread;
    if (!bytes_unread(self, schema, name, *offset, &unread, failure)) return false;
    if (!unread || answer->full) return true;
    struct table table;
    if (!table_open(self, schema, name, &table, failure)) return false;
    char *path = path_of(self, schema, name, CHANGES);
    bool good = answer_read(answer, &table, path, offset, true, failure);
    if (good && batch_of(self, &table, true, &tables->ptr[tables->len])) tables->len++;
    free(path);
    table_free(&table);
    return good;
}

bool METHOD(get_changes)(SOURCE(connection_t) *self, text_t *schema, SOURCE(position_t) *after, SOURCE(limits_t) *limits,
    SOURCE(change_batch_t) *ret, failure_t *failure) {
    char *schema_name = taken(schema);
    uint64_t deadline = now_ms() + limits->wait_ms;
    struct offsets offsets;
    struct answer answer = {.rows_max = limits->rows_max, .bytes_max = limits->bytes_max};
    SOURCE(list_table_batch_t) tables = {calloc(self->selected_count + 1, sizeof *tables.ptr), 0};
    if (!tables.ptr) abort();
    bool good = offsets_taken(after, &offsets, failure), waits = good;
    while (good && waits) {
        for (size_t at = 0; good && at < self->selected_count; at++) {
            good = table_follow(self, schema_name, self->selected[at], &offsets, &answer, &tables, failure);
        }
        uint64_t now = now_ms();
        waits = good && !answer.lines && now < deadline;
        if (waits) {
            uint64_t pause = deadline - now < POLL_MS ? deadline - now : POLL_MS;
            nanosleep(&(struct timespec){.tv_nsec = (long)pause * 1000000}, NULL);
        }
    }
    free(schema_name);
    if (good) {
        *ret = (SOURCE(change_batch_t)){.tables = tables, .rejected = answer.rejected, .position = position_of(&offsets),
            .caught_up = !answer.full};
    } else {
        SOURCE(list_table_batch_free)(&tables);
        SOURCE(list_dead_letter_free)(&answer.rejected);
    }
    offsets_free(&offsets);
    return good;
}

bool METHOD(confirm)(SOURCE(connection_t) *self, text_t *schema, SOURCE(position_t) *position, failure_t *failure) {
    (void)self, (void)failure;
    source_connector_string_free(schema);
    SOURCE(position_free)(position);
    return true;
}
