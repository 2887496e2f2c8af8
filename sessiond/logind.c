#include "sessiond/logind.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <systemd/sd-bus.h>

#include "common/cleanup.h"
#include "common/view.h"

#define NAME    "org.freedesktop.login1"
#define PATH    "/org/freedesktop/login1"
#define MANAGER NAME ".Manager"
#define SESSION NAME ".Session"
#define NO_SUCH NAME ".NoSuchSession"
#define NOT_IN  NAME ".NoSessionForPID"

struct logind {
        sd_bus *bus;
};

DEFINE_CLEANUP(struct logind *, logind_close);

int logind_open(struct logind **ret)
{
        _cleanup_(logind_closep) struct logind *l = calloc(1, sizeof(*l));
        int r;

        if (!l)
                return -ENOMEM;
        r = sd_bus_open_system(&l->bus);
        if (r < 0)
                return r;
        r = sd_bus_set_method_call_timeout(l->bus, LOGIND_WAIT_USEC);
        if (r < 0)
                return r;
        *ret = steal_ptr(l);
        return 0;
}

struct logind *logind_close(struct logind *l)
{
        if (l)
                sd_bus_close_unref(l->bus);
        free(l);
        return NULL;
}

/* "There is none" is an answer of logind's, and no failure. */
static int result_of(int r, sd_bus_error *error)
{
        if (r < 0 &&
            (sd_bus_error_has_name(error, NO_SUCH) || sd_bus_error_has_name(error, NOT_IN)))
                r = -ENOENT;
        /* The object went between two questions. */
        if (r < 0 && sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_OBJECT))
                r = -ENOENT;
        sd_bus_error_free(error);
        return r < 0 ? r : 0;
}

static int read_text(struct logind *l, const char *path, const char *property, char *to,
                     size_t size)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        char *text = NULL;
        int r = result_of(
                sd_bus_get_property_string(l->bus, NAME, path, SESSION, property, &error, &text),
                &error);

        if (r == 0 && !view_copy(view_of(text), to, size))
                r = -ENAMETOOLONG;
        free(text);
        return r;
}

static int read_leader(struct logind *l, const char *path, int64_t *ret)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        uint32_t leader = 0;
        int r = result_of(sd_bus_get_property_trivial(l->bus, NAME, path, SESSION, "Leader", &error,
                                                      'u', &leader),
                          &error);

        *ret = leader;
        return r;
}

static int read_since(struct logind *l, const char *path, int64_t *ret)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        uint64_t since = 0;
        int r = result_of(sd_bus_get_property_trivial(l->bus, NAME, path, SESSION, "Timestamp",
                                                      &error, 't', &since),
                          &error);

        *ret = since <= INT64_MAX ? (int64_t)since : 0;
        return r;
}

static int read_uid(struct logind *l, const char *path, int64_t *ret)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;
        uint32_t uid = UINT32_MAX;
        int r = sd_bus_get_property(l->bus, NAME, path, SESSION, "User", &error, &reply, "(uo)");

        if (r >= 0)
                r = sd_bus_message_read(reply, "(uo)", &uid, NULL);
        sd_bus_message_unref(reply);
        *ret = uid == UINT32_MAX ? -1 : (int64_t)uid;
        return result_of(r, &error);
}

static int read_session(struct logind *l, const char *path, struct session *ret)
{
        struct session s = {.uid = -1};
        int r = read_text(l, path, "Id", s.id, sizeof(s.id));

        if (r == 0)
                r = read_text(l, path, "Name", s.name, sizeof(s.name));
        if (r == 0)
                r = read_uid(l, path, &s.uid);
        if (r == 0)
                r = read_leader(l, path, &s.leader);
        if (r == 0)
                r = read_since(l, path, &s.since_us);
        if (r == 0)
                *ret = s;
        return r;
}

/* The object that a method of the manager's names. */
static int read_named(struct logind *l, int r, sd_bus_message *reply, sd_bus_error *error,
                      struct session *ret)
{
        const char *path = NULL;

        if (r >= 0)
                r = sd_bus_message_read(reply, "o", &path);
        r = result_of(r, error);
        if (r == 0)
                r = read_session(l, path, ret);
        sd_bus_message_unref(reply);
        return r;
}

int logind_find(struct logind *l, const char *id, struct session *ret)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;
        int r = sd_bus_call_method(l->bus, NAME, PATH, MANAGER, "GetSession", &error, &reply, "s",
                                   id);

        return read_named(l, r, reply, &error, ret);
}

int logind_find_by_pid(struct logind *l, int64_t pid, struct session *ret)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;
        int r;

        if (pid <= 0 || pid > INT32_MAX)
                return -ENOENT;
        r = sd_bus_call_method(l->bus, NAME, PATH, MANAGER, "GetSessionByPID", &error, &reply, "u",
                               (uint32_t)pid);
        /* logind has no name of its own for a process that is gone. */
        if (r == -ESRCH || r == -ENXIO || r == -ENODATA)
                r = sd_bus_error_set(&error, NO_SUCH, NULL);
        return read_named(l, r, reply, &error, ret);
}

int logind_end(struct logind *l, const char *id, bool kill)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        if (kill)
                r = sd_bus_call_method(l->bus, NAME, PATH, MANAGER, "KillSession", &error, NULL,
                                       "ssi", id, "all", (int32_t)SIGKILL);
        else
                r = sd_bus_call_method(l->bus, NAME, PATH, MANAGER, "TerminateSession", &error,
                                       NULL, "s", id);
        return result_of(r, &error);
}
