/* SPDX-License-Identifier: Apache-2.0 */
/* host_publish.h: the host program's own events, on the road that all events take. */
#ifndef SERVER_HOST_PUBLISH_H
#define SERVER_HOST_PUBLISH_H

#include "mcp_auth/publish.h"
#include "node/node.h"

/* What mcp_auth_publish and mcp_auth_publish_json promise, of a node that runs. `done` is called in
 * the thread of the first hub. */
MUST_CHECK int host_publish(struct node *node, const mcp_auth_event *event, char *problem,
                            size_t problem_size, mcp_auth_published_fn done, void *owner);
MUST_CHECK int host_publish_json(struct node *node, struct bytes json, char *problem,
                                 size_t problem_size, mcp_auth_published_fn done, void *owner);
/* The error that the host is told; 0: it was accepted. */
int host_publish_error(enum publication_result result);
/* Why one of these functions refused it, into `problem` (NULL: nowhere), for people. Returns error. */
int host_publish_refuse(char *problem, size_t problem_size, const struct ingest_problem *why,
                        int error);

#endif
