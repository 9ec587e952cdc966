/* An open feed: where its files are, and what was said of it. */
#ifndef CONNECTION_H
#define CONNECTION_H

#include "feed.h"
#include "positions.h"
#include "reading.h"
#include "words.h"

#define ROWS ".tsv"
#define CHANGES ".changes.tsv"

struct SOURCE(connection_t) {
    char *root;
    char **selected;
    size_t selected_count;
    struct bytes *sent; /* schema messages; their places are their ids */
    size_t sent_count;
};

/* Takes `root`. */
SOURCE(connection_t) *connection_open(char *root);
void connection_close(SOURCE(connection_t) *self);
/* Takes the list. */
void connection_select(SOURCE(connection_t) *self, source_connector_list_string_t *tables);

/* A file of a table; the caller frees it. */
char *path_of(const SOURCE(connection_t) *self, const char *schema, const char *table, const char *suffix);
/* The tables that have a file of rows, in the order of their names; the caller frees all. */
bool table_names(const SOURCE(connection_t) *self, const char *schema, char ***names, size_t *count, failure_t *failure);
/* A table by its header. */
bool table_open(const SOURCE(connection_t) *self, const char *schema, const char *name, struct table *table,
    failure_t *failure);
/* How many bytes of a table's changes lie behind this one. */
bool bytes_unread(const SOURCE(connection_t) *self, const char *schema, const char *table, uint64_t offset,
    uint64_t *unread, failure_t *failure);
/* What was read of a table, if anything was; its columns are empty afterwards. */
bool batch_of(SOURCE(connection_t) *self, struct table *table, bool is_change, cartridge_warp_types_table_batch_t *batch);

#endif
