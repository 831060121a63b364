/* renamed.h: words that users could write in earlier versions and that have a new name. */
#ifndef RENAMED_H
#define RENAMED_H

/* The new name of the option, site or side `old`; NULL: it has not been renamed. */
const char *renamed(const char *old);
/* If `value` has been renamed: a usage error of `option` that names the new word. */
void refuse_renamed(const char *option, const char *word);

#endif
