/* SPDX-License-Identifier: MIT */
#include "base/error.h"

const char *error_name(int code)
{
    switch (code) {
#define ERROR_NAME(name, number, text) \
    case STENTOR_##name:               \
        return #name;
        STENTOR_ERRORS(ERROR_NAME)
#undef ERROR_NAME
    default:
        return "EUNKNOWN";
    }
}

const char *error_text(int code)
{
    switch (code) {
#define ERROR_TEXT(name, number, text) \
    case STENTOR_##name:               \
        return text;
        STENTOR_ERRORS(ERROR_TEXT)
#undef ERROR_TEXT
    default:
        return "unknown error";
    }
}
