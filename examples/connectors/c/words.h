/* The contract's names, shorter, and its texts, which have a length instead of a zero behind them. */
#ifndef WORDS_H
#define WORDS_H

#include "arrow.h"
#include "source_connector.h"

#define SOURCE(name) exports_cartridge_warp_source_##name
#define METHOD(name) exports_cartridge_warp_source_method_connection_##name

typedef source_connector_string_t text_t;
typedef exports_cartridge_warp_source_failure_t failure_t;

/* What is returned belongs to the host's side of the bindings, which free it: so each text is a copy. */
text_t text(const char *text);
text_t format(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A text whose bytes need not be UTF-8: what is none becomes U+FFFD. */
text_t lossy(const char *bytes, size_t length);

/* Bytes that nobody else frees. */
source_connector_list_u8_t list(struct bytes bytes);

/* A text that the host gave, with a zero behind it; the caller frees it. */
char *taken(source_connector_string_t *text);

/* Says why a call failed, and returns false, as such a call does. `table` is the one that it is about, or NULL. */
bool fail(failure_t *failure, const char *action, const char *code, const char *table, text_t message);

#endif
