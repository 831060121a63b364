/* elsewhere.h: an adapter that lies in a sub-folder of the folder that was given: NAME/ (an adapter
 * saved under a name), checkpoint-N/ (a trainer's folder), or one of these in the other. */
#ifndef ELSEWHERE_H
#define ELSEWHERE_H

/* When DIR has no adapter_config.json, or has it without weights, and folders in it have what is
 * missing: die(), naming them; of several checkpoints the newest. Else nothing: who opens the file
 * says what is missing. */
void elsewhere_check(const char *dir);

#endif
