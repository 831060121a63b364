/* hub.h: a name on the Hugging Face hub where a folder was expected: what it looks like, and where
 * the hub's cache on this machine has it. */
#ifndef HUB_H
#define HUB_H

#include <stdbool.h>

/* "google/flan-t5-large": an owner and a name of the hub's letters. */
bool hub_looks_like(const char *path);
/* The folder in the cache (HF_HUB_CACHE, HF_HOME/hub, XDG_CACHE_HOME/huggingface/hub or
 * ~/.cache/huggingface/hub) whose snapshot has a config.json: that of the main branch, else the
 * last by name. Allocated; NULL: none. "t5-small", without an owner, is found too. */
char *hub_cached(const char *id);

#endif
