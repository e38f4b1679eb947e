/* The program `longship-sendmail`, to be put in the place of /usr/sbin/sendmail (DESIGN 1). */
#include "engine/run/sendmail.h"

int main(int argc, char **argv) { return run_sendmail(argc, argv); }
