/* SPDX-License-Identifier: Apache-2.0 */
/* token.h: signed tokens made without the product's code, the good and the odd ones. */
#ifndef SIM_TOKEN_H
#define SIM_TOKEN_H

#include "oracle_plain.h"

#define SIM_SECRET "0123456789abcdef0123456789abcdef-sim"
#define SIM_TOKEN_SIZE 4096

/* How a token that is not good is spoiled. */
enum token_fault {
    TOKEN_GOOD,
    TOKEN_FORGED,
    TOKEN_ALG_NONE,
    TOKEN_NO_EXP,
    TOKEN_ROLES_NUMBER,
    TOKEN_NO_USER,
    TOKEN_CUT,
    TOKEN_FAULTS
};

/* Writes a compact JWS (HS256), terminated. */
void token_make(char ret[SIM_TOKEN_SIZE], const struct plain_token *token, enum token_fault fault);

#endif
