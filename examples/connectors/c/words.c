#define _GNU_SOURCE
#include "words.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "feed.h"

text_t text(const char *text) {
    return (text_t){(uint8_t *)copied(text, strlen(text)), strlen(text)};
}

text_t format(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *made = NULL;
    int length = vasprintf(&made, format, arguments);
    va_end(arguments);
    if (length < 0) abort();
    return (text_t){(uint8_t *)made, (size_t)length};
}

text_t lossy(const char *bytes, size_t length) {
    struct bytes made = {0};
    for (size_t at = 0; at < length; at++) {
        size_t good = utf8(bytes + at, length - at);
        bytes_add(&made, bytes + at, good);
        at += good;
        if (at < length) bytes_add(&made, "\xEF\xBF\xBD", 3);
    }
    return (text_t){made.data, made.length};
}

source_connector_list_u8_t list(struct bytes bytes) {
    return (source_connector_list_u8_t){bytes.data, bytes.length};
}

char *taken(source_connector_string_t *text) {
    char *copy = copied((const char *)text->ptr, text->len);
    source_connector_string_free(text);
    return copy;
}

bool fail(failure_t *failure, const char *action, const char *code, const char *table, text_t message) {
    *failure = (failure_t){.action = text(action), .code = text(code), .message = message};
    if (table) {
        text_t *named = malloc(sizeof *named);
        if (!named) abort();
        *named = text(table);
        failure->tables = (source_connector_list_string_t){named, 1};
    }
    return false;
}
