/* SPDX-License-Identifier: MIT */
/*
 * Results: 0 or a negative STENTOR_E… code; details, where there are any, go
 * into a caller-owned `char error[STENTOR_ERROR_BYTES]`. This list is the only
 * one: the enum, the names and the texts are made from it.
 */
#ifndef STENTOR_BASE_ERROR_H
#define STENTOR_BASE_ERROR_H

#define STENTOR_ERRORS(X)                                                    \
    X(EINVALID, 1, "not valid")                                              \
    X(ESYSTEM, 2, "the system refused")                                      \
    X(EFULL, 3, "full")                                                      \
    X(ETOOBIG, 4, "too big")                                                 \
    X(ENOTFOUND, 5, "not found")                                             \
    X(EOVERRUN, 6, "overwritten while being read")                           \
    X(EVERSION, 7, "made by another version")                                \
    X(EREADONLY, 8, "opened for reading only")                               \
    X(EEVENT, 9, "the event name holds CR, LF or NUL")                       \
    X(ERESERVED, 10, "the event name is reserved")                           \
    X(EHEADER, 11,                                                           \
      "a header holds a forbidden byte, or is written by the server itself") \
    X(EGONE, 12, "the request was already answered or has gone away")

enum {
#define STENTOR_ERROR_ENUM(name, number, text) STENTOR_##name = -(number),
    STENTOR_ERRORS(STENTOR_ERROR_ENUM)
#undef STENTOR_ERROR_ENUM
        STENTOR_ERROR_BYTES = 256
};

/* "EFULL" for STENTOR_EFULL; "EUNKNOWN" for what is not in the list. */
const char *error_name(int code);

/* A phrase for people, as in the list above. */
const char *error_text(int code);

#endif
