#include <errno.h>
#include <sqlite3.h>

#include "daemon/store_sqlite.h"

int store_sqlite_errno(sqlite3 *db, int result)
{
        int system = db ? sqlite3_system_errno(db) : 0;

        switch (result) {
        case SQLITE_CONSTRAINT_UNIQUE:
        case SQLITE_CONSTRAINT_PRIMARYKEY:
        case SQLITE_CONSTRAINT_ROWID: return -EEXIST;
        case SQLITE_CONSTRAINT_TRIGGER: return -EPERM;
        case SQLITE_CONSTRAINT_FOREIGNKEY: return -ENOENT;
        case SQLITE_IOERR_NOMEM: return -ENOMEM;
        case SQLITE_IOERR_CORRUPTFS: return -EUCLEAN;
        case SQLITE_CANTOPEN_SYMLINK: return -EUCLEAN;
        default: break;
        }
        switch (result & 0xff) {
        case SQLITE_OK:
        case SQLITE_ROW:
        case SQLITE_DONE: return 0;
        case SQLITE_NOMEM: return -ENOMEM;
        case SQLITE_BUSY:
        case SQLITE_LOCKED: return -EBUSY;
        case SQLITE_FULL: return -ENOSPC;
        case SQLITE_READONLY: return -EROFS;
        case SQLITE_PERM:
        case SQLITE_AUTH: return -EACCES;
        case SQLITE_CONSTRAINT:
        case SQLITE_MISMATCH:
        case SQLITE_RANGE:
        case SQLITE_TOOBIG:
        case SQLITE_MISUSE: return -EINVAL;
        /* ERROR is an SQL error, and the SQL is fixed: the tables are not what they should be. */
        case SQLITE_ERROR:
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
        case SQLITE_SCHEMA:
        case SQLITE_FORMAT: return -EUCLEAN;
        case SQLITE_IOERR:
        case SQLITE_CANTOPEN:
                /* A full disk shows as "full" for some calls only; a quota never does. */
                if (system == ENOSPC || system == EDQUOT)
                        return -ENOSPC;
                if (system == EROFS || system == EACCES || system == EMFILE || system == ENFILE)
                        return -system;
                return -EIO;
        default: return -EIO;
        }
}
