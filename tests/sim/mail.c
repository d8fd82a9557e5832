/* SPDX-License-Identifier: Apache-2.0 */
/* mail.c: what is on its way between a bus thread and its hubs, first in, first out. */
#include "mail.h"

#include <stdlib.h>
#include <string.h>

struct mail *mail_post(struct list *box, int kind)
{
    struct mail *mail = calloc(1, sizeof *mail);

    if (!mail)
        abort();
    mail->kind = kind;
    list_append(box, &mail->in_order);
    return mail;
}

void mail_set_answer(struct mail *mail, const struct resume_answer *answer)
{
    struct entry *entries = calloc(answer->entries_count + 1, sizeof *entries);

    if (!entries)
        abort();
    for (unsigned i = 0; i < answer->entries_count; i++) {
        entries[i] = answer->entries[i];
        event_ref(entries[i].event);
    }
    mail->answer = *answer;
    mail->answer.entries = entries;
}

void mail_set_request(struct mail *mail, const struct resume_request *request)
{
    struct bytes *keys = calloc(request->keys_count + 1, sizeof *keys);
    size_t size = 0, at = 0;

    for (unsigned i = 0; i < request->keys_count; i++)
        size += request->keys[i].size;
    mail->keys_text = malloc(size + 1);
    if (!keys || !mail->keys_text)
        abort();
    for (unsigned i = 0; i < request->keys_count; i++) {
        memcpy(mail->keys_text + at, request->keys[i].data, request->keys[i].size);
        keys[i] = (struct bytes){mail->keys_text + at, request->keys[i].size};
        at += request->keys[i].size;
    }
    mail->request = *request;
    mail->request.keys = keys;
}

struct mail *mail_take(struct list *box)
{
    struct mail *mail;

    if (list_empty(box))
        return NULL;
    mail = container_of(box->next, struct mail, in_order);
    list_unlink(&mail->in_order);
    return mail;
}

void mail_free(struct mail *mail)
{
    event_unref(mail->entry.event);
    for (unsigned i = 0; i < mail->answer.entries_count; i++)
        event_unref(mail->answer.entries[i].event);
    free((void *)(uintptr_t)mail->answer.entries);
    free((void *)(uintptr_t)mail->request.keys);
    free(mail->keys_text);
    free(mail);
}

void mail_drop(struct list *box)
{
    struct mail *mail;

    while ((mail = mail_take(box)))
        mail_free(mail);
}
