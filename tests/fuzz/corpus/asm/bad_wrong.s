.ohm 1
.program whole max_tokens=1 max_chunk=1
.phase run
.tile 0
.bfu
.code run
copyy x, "\x41" @1 "n"
.word 00000000 ffffffff 00000000 00000000
norm _, 1e-5
