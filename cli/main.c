#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cli/cmd.h"
#include "cli/help.h"
#include "cli/text.h"

#ifndef ORGTOKEN_MANAGE_SOCKET
#define ORGTOKEN_MANAGE_SOCKET "/run/orgtoken/manage.sock"
#endif

static int print_version(struct call *call)
{
        struct json j = {.out = &call->out.to};

        if (call->out.json) {
                json_begin_object(&j, NULL);
                json_text(&j, "version", VIEW(PACKAGE_VERSION));
                json_end_object(&j);
        } else {
                buffer_puts(&call->out.to, "orgtoken " PACKAGE_VERSION "\n");
        }
        return output_flush(&call->out, &call->error);
}

static int print_help(struct call *call)
{
        help_put(&call->out.to, &call->args, call->out.width);
        return output_flush(&call->out, &call->error);
}

/* The terminal is looked at even where the line is wrong: the error is told there. */
static int run(struct call *call, int count, char *const *words)
{
        int status = args_parse(count, words, call->now, &call->args, &call->error);

        output_init(&call->out, call->args.json);
        if (status != STATUS_DONE)
                return status;
        if (call->args.version)
                return print_version(call);
        if (call->args.help)
                return print_help(call);
        if (call->args.socket)
                call->socket = call->args.socket;
        return call->args.command->run(call);
}

/* Errors are printed here and nowhere else, once, by whoever knows whether anybody wants JSON. */
int main(int argc, char **argv)
{
        struct call call = {.socket = ORGTOKEN_MANAGE_SOCKET};
        int status;

        output_prepare();
        text_init();
        call.now = (int64_t)time(NULL);
        status = run(&call, argc > 1 ? argc - 1 : 0, argv + (argc > 0));
        output_error(&call.error, call.out.json);
        buffer_wipe(&call.out.to);
        args_free(&call.args);
        return status;
}
