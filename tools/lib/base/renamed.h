/* renamed.h: words that users could write in earlier versions and that have another name now. */
#ifndef RENAMED_H
#define RENAMED_H

/* What the option, site or side `old` is called now; NULL: it has not been renamed. */
const char *renamed(const char *old);
/* A wrong use of `option`, naming the new word, where its value `word` has been renamed. */
void refuse_renamed(const char *option, const char *word);

#endif
