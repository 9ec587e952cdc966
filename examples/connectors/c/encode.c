/* encode FILE.tsv...: writes FILE.arrow beside each, its rows in the batch format. Runs where it was compiled. */

#include <stdlib.h>
#include <string.h>

#include "feed.h"

static bool encode(const char *from, const char *to, struct line *line, reason why) {
    FILE *rows = fopen(from, "rb"), *encoded = fopen(to, "wb");
    struct table table = {0};
    bool good = rows && encoded && next_line(rows, line, false) == LINE && table_parse(&table, from, line, why);
    while (good && next_line(rows, line, false) == LINE) good = table_add(&table, line, false, why);
    if (good) {
        struct bytes schema = schema_message(table.columns, table.count);
        struct bytes batch = batch_message(table.columns, table.count);
        fwrite(schema.data, 1, schema.length, encoded);
        fwrite(batch.data, 1, batch.length, encoded);
        bytes_free(&schema);
        bytes_free(&batch);
    }
    table_free(&table);
    if (rows) fclose(rows);
    return encoded && fclose(encoded) == 0 && good;
}

int main(int count, char **arguments) {
    for (int at = 1; at < count; at++) {
        char *to = malloc(strlen(arguments[at]) + sizeof ".arrow");
        if (!to) abort();
        strcpy(to, arguments[at]);
        char *dot = strrchr(to, '.');
        strcpy(dot ? dot : to + strlen(to), ".arrow");
        struct line line = {0};
        reason why = "it cannot be read or written";
        bool good = encode(arguments[at], to, &line, why);
        if (!good) fprintf(stderr, "%s, byte %llu: %s\n", arguments[at], (unsigned long long)line.at, why);
        free(line.text);
        free(to);
        if (!good) return 1;
    }
    return 0;
}
