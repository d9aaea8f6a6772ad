/*
 * Preloaded into a program, it answers in the kernel's place whether the clock is synchronised: not while the file
 * CLOCK_UNSYNCHRONISED is there, and synchronised otherwise. Nothing is set.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <unistd.h>

static int answer(struct timex *facts) {
    const char *file = getenv("CLOCK_UNSYNCHRONISED");
    int unsynchronised = file != NULL && access(file, F_OK) == 0;
    memset(facts, 0, sizeof *facts);
    facts->maxerror = facts->esterror = unsynchronised ? 16000000 : 2000;
    facts->status = unsynchronised ? STA_UNSYNC : STA_PLL;
    return unsynchronised ? TIME_ERROR : TIME_OK;
}

int adjtimex(struct timex *facts) { return answer(facts); }
int ntp_adjtime(struct timex *facts) { return answer(facts); }
