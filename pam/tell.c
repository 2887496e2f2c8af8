#include "pam/tell.h"

#include <security/pam_ext.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/client.h"
#include "common/logsafe.h"
#include "common/name.h"

/* True where the daemon has noted it; *ret_why otherwise. */
static bool exchange(const struct pamoptions *options, const struct wire_message *request,
                     const char **ret_why)
{
        _cleanup_(client_close) struct client client = CLIENT_INIT;
        struct wire_message reply;
        int r = client_exchange(&client, options->socket, options->timeout_ms, request, &reply);

        *ret_why = r < 0 ? strerrordesc_np(-r) : "the daemon cannot tell which token it is";
        return r == 0 && reply.magic == WIRE_DONE && wire_number(&reply, WIRE_F_ACCEPTED, 0) == 1;
}

void tell_session(pam_handle_t *pamh, const struct pamoptions *options,
                  const struct request_facts *facts, struct view org, struct view key_id)
{
        struct view id = view_of(pam_getenv(pamh, "XDG_SESSION_ID"));
        struct wire_message request;
        char text[LOGSAFE_SIZE];
        const char *why;

        if (!org.ptr || !key_id.ptr || !name_is_item(id) || geteuid() != 0)
                return;
        why = "no random number";
        if (request_session(facts, org, key_id, id, &request) == 0 &&
            exchange(options, &request, &why)) {
                if (options->debug)
                        pam_syslog(pamh, LOG_DEBUG, "session %s noted",
                                   logsafe(id, text, sizeof(text)));
                return;
        }
        pam_syslog(pamh, LOG_WARNING, "session %s is not noted, no revocation will end it: %s",
                   logsafe(id, text, sizeof(text)), why);
}
