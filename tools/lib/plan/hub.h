/* hub.h: a name on the Hugging Face hub in place of a folder: recognises it, and finds it in the
 * hub's cache on this machine. */
#ifndef HUB_H
#define HUB_H

#include <stdbool.h>

/* Whether it looks like "google/flan-t5-large": an owner and a name, in the hub's letters. */
bool hub_looks_like(const char *path);
/* The snapshot folder in the cache that has a config.json: of the main branch, else the last by
 * name. The cache is HF_HUB_CACHE, HF_HOME/hub, XDG_CACHE_HOME/huggingface/hub or
 * ~/.cache/huggingface/hub. Allocated; NULL: none. A name without an owner, such as "t5-small", is
 * found too. */
char *hub_cached(const char *id);

#endif
