/* Writes JSON with objects and lists inside one another into a buf, for programs that read the answer of
 * a command. Texts are escaped as in json_line.h, where any byte may come from a peer.
 *
 *   json_object_open(&buf, NULL);            {
 *   json_object_put_text(&buf, "a", text);   "a":"x"
 *   json_object_open_list(&buf, "b");        ,"b":[
 *   json_object_put_number(&buf, NULL, 7);   7
 *   json_object_close_list(&buf);            ]
 *   json_object_close(&buf);                 }
 *
 * Commas come by themselves. `key` is NULL inside a list and for the outermost value; keys are ours
 * and written as they are. That what is opened is closed is the caller's care. */
#ifndef ENGINE_BASE_JSON_OBJECT_H
#define ENGINE_BASE_JSON_OBJECT_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/base/buf.h"
#include "engine/base/text.h"

void json_object_open(struct buf *buf, const char *key);
void json_object_close(struct buf *buf);
void json_object_open_list(struct buf *buf, const char *key);
void json_object_close_list(struct buf *buf);
void json_object_put_text(struct buf *buf, const char *key, struct text value);
void json_object_put_number(struct buf *buf, const char *key, uint64_t value);
void json_object_put_bool(struct buf *buf, const char *key, bool value);
void json_object_put_null(struct buf *buf, const char *key);

#endif
