/*
 * Which socket takes which verb, and who answers it. A table without a rest: a new verb does not
 * compile until it has its row. Decides nothing about who may: that is asked of the caller's uid
 * behind it, by verify.c's and manage.c's own rules. Pure.
 */
#pragma once

#include "common/wire.h"

enum dispatch_socket { DISPATCH_VERIFY = 1, DISPATCH_MANAGE };

enum dispatch_target {
        DISPATCH_NOBODY = 0, /* not taken on this socket, or no request: the connection is closed */
        DISPATCH_VERIFIER,   /* answered at once, on the event loop's thread */
        DISPATCH_MANAGER,    /* answered by the worker */
        DISPATCH_ACKNOWLEDGED, /* the end of a delivery; taken only where one is awaited */
};

/* Who answers this message on that socket. */
enum dispatch_target dispatch_request(enum dispatch_socket socket,
                                      const struct wire_message *request);
