/* elsewhere.h: finds an adapter in a sub-folder of the given folder: NAME/ (an adapter saved under
 * a name), checkpoint-N/ (of a trainer), or one inside the other. */
#ifndef ELSEWHERE_H
#define ELSEWHERE_H

/* Where DIR has no adapter_config.json, or one without weights, and sub-folders have what is
 * missing: die(), naming them; of several checkpoints, the newest. Otherwise it does nothing, and
 * the reader of the file says what is missing. */
void elsewhere_check(const char *dir);

#endif
