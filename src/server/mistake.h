/* SPDX-License-Identifier: Apache-2.0 */
/* mistake.h: a mistake of a file, told with its place as compilers tell theirs. */
#ifndef SERVER_MISTAKE_H
#define SERVER_MISTAKE_H

#include "node/settings.h"
#include "wire/document.h"

/* Which file, and who is told. */
struct mistakes {
    const char *path;
    settings_problem problem;
    void *owner;
};

/* For document_told, with a struct mistakes: "PATH:7:32: /events/user_deleted/effect: ...". */
void mistake_tell(void *owner, const struct document_problem *found);
/* "PATH:7:32: /issuers/0/jwks_file", for what is found elsewhere and begins here. */
#define MISTAKE_PLACE_SIZE 4600u
void mistake_place(const struct mistakes *mistakes, const struct document *document, unsigned item,
                   char ret[MISTAKE_PLACE_SIZE]);

#endif
